"""Which calls keep a processor busy. May not guess: what isn't known by name or by type takes no time."""

import libcst as cst

from postil.lint.catalogue.computing import COMPUTING_CALLS, COMPUTING_METHODS, PASSWORD_CALLS, PASSWORD_METHODS
from postil.lint.names import last_name
from postil.lint.source import SourceFile

_LAST = frozenset(
    {name.rpartition(".")[2] for name in COMPUTING_CALLS | PASSWORD_CALLS}.union(
        *COMPUTING_METHODS.values(), *PASSWORD_METHODS.values()
    )
)


def computes(call: cst.Call, file: SourceFile) -> str | None:
    """What a call is in its library's words, if it computes for long: "bcrypt.hashpw"; else None."""
    func = call.func
    last = last_name(func)
    if last not in _LAST and not (isinstance(func, cst.Name) and file.imports.get(func.value) is not None):
        return None
    name = file.name_of(func)
    if name is not None:
        return name if name in PASSWORD_CALLS or name in COMPUTING_CALLS else None
    kind = file.type_of(func.value) if isinstance(func, cst.Attribute) else None
    if kind is None or (last not in PASSWORD_METHODS.get(kind, ()) and last not in COMPUTING_METHODS.get(kind, ())):
        return None
    return f"{kind}.{last}"


def hashes_password(name: str) -> bool:
    """Whether a name that `computes` gave is of something that is slow by design."""
    owner, _, method = name.rpartition(".")
    return name in PASSWORD_CALLS or method in PASSWORD_METHODS.get(owner, ())
