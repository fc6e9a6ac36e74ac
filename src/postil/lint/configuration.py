"""Where a service's settings are: classes that read the environment, and the calls that build them."""

import re

import libcst as cst

from postil.lint.names import dotted
from postil.lint.source import SourceFile

_BASE = re.compile(r"(?:^|\.)BaseSettings$")
_IMPORTED = re.compile(r"(?:^|[._])(?:settings|config|configuration|conf)\.(?:\w*Settings)$")
_DEPTH = 8  # how far a chain of bases is followed


def is_settings_class(owner: cst.ClassDef, file: SourceFile, depth: int = 0) -> bool:
    """Whether a class reads its fields from the environment, by its bases as far as this file shows them."""
    for base in owner.bases:
        if _BASE.search(file.name_of(base.value) or dotted(base.value) or ""):
            return True
        found = file.definition_of(base.value)
        if isinstance(found, cst.ClassDef) and depth < _DEPTH and is_settings_class(found, file, depth + 1):
            return True
    return False


def builds_settings(call: cst.Call, file: SourceFile) -> str | None:
    """The name of the settings class that a call builds from the environment; None for every other call.

    A class from another file counts by its name and its module's: `app.config.Settings`. With arguments it is built
    from these, so it doesn't count.
    """
    if any(arg.keyword is None or not arg.keyword.value.startswith("_") for arg in call.args):
        return None
    found = file.definition_of(call.func)
    if isinstance(found, cst.ClassDef):
        return found.name.value if is_settings_class(found, file) else None
    name = file.name_of(call.func)
    return name.rpartition(".")[2] if name and _IMPORTED.search(name) else None
