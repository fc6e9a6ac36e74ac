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

    With arguments it is built from these, so it doesn't count. A class from another file counts by its name and its
    module's: `app.config.Settings`.
    """
    if any(arg.keyword is None or not arg.keyword.value.startswith("_") for arg in call.args):
        return None
    return settings_class(call.func, file)


def settings_class(expression: cst.BaseExpression, file: SourceFile) -> str | None:
    """The name of the settings class that an expression names, of this file or, by its name, of another."""
    found = file.definition_of(expression)
    if isinstance(found, cst.ClassDef):
        return found.name.value if is_settings_class(found, file) else None
    name = file.name_of(expression)
    return name.rpartition(".")[2] if name and _IMPORTED.search(name) else None
