"""Finds computations that run on the event loop: hashing of passwords, images, tables, archives."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.blocking import is_awaitable
from postil.lint.computing import computes, hashes_password
from postil.lint.offload import in_thread

MENTIONS = ("bcrypt", "argon2", "hashlib", "werkzeug", "hashers", "passlib", "cryptography", "pandas", "pickle",
            "shutil", "PIL", "zipfile", "tarfile")  # fmt: skip


def check(file: SourceFile) -> Notes:
    if not file.is_service or not file.mentions("async def"):
        return
    names: dict[int, str] = {}
    deep: list[cst.CSTNode] = []
    for call in file.nodes(cst.Call):
        if (name := computes(call, file)) is None or is_awaitable(call, file):
            continue
        if not file.runs_on_loop(call):
            names[id(call)] = name
            deep.append(call)
        elif not _is_exempt(call, file):
            yield Note(
                call,
                f"`{name}` {_why(name)} on the event loop in {_where(call, file)}",
                fix=in_thread(call, file),
            )
    for chain in file.calls.chains(deep) if deep else ():
        place = chain.places[0]
        if _is_exempt(place, file):
            continue
        name = names[id(chain.places[-1])]
        steps = [f"`{function.name.value}()`" for function in chain.functions]
        ends = [*steps[1:], f"`{name}`"]
        yield Note(
            place,
            f"{_where(place, file)} → {' → '.join(steps)} → `{name}` {_why(name)} on the event loop",
            fix=in_thread(place, file) if isinstance(place, cst.Call) else None,
            secondary=tuple(
                Secondary(where, f"{one} comes to {other}")
                for where, one, other in zip(chain.places[1:], steps, ends, strict=True)
            ),
        )


def _is_exempt(place: cst.CSTNode, file: SourceFile) -> bool:
    return file.in_test(place) or file.is_startup(place) or any(each.value is place for each in file.handovers)


def _why(name: str) -> str:
    return "takes some 50 to 500 ms" if hashes_password(name) else "computes"


def _where(place: cst.CSTNode, file: SourceFile) -> str:
    function = file.enclosing_function(place)
    return f"`{function.name.value}`" if isinstance(function, cst.FunctionDef) else "a callback"
