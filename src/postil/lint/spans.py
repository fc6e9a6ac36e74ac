"""Which code speaks OpenTelemetry: its tracers, and files that get theirs from another module of the project."""

import re

import libcst as cst

from postil.lint.dependencies import declared
from postil.lint.names import dotted
from postil.lint.source import SourceFile

_TRACER = re.compile(r"(?:^|_)tracer$", re.IGNORECASE)
# Their tracers look much the same.
_OTHERS = ("opentracing", "ddtrace", "elasticapm")


def speaks_opentelemetry(file: SourceFile) -> bool:
    """Whether a tracer in a file is likely OpenTelemetry's: the file names it, or else its project declares it."""
    if any(other in file.text for other in _OTHERS):
        return False
    if "opentelemetry" in file.text:
        return True
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    names = declared(toml) if toml is not None else frozenset()
    return any(name.startswith("opentelemetry-") for name in names) and names.isdisjoint(_OTHERS)


def is_tracer(expression: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether an expression is a tracer of OpenTelemetry: by its type, or by its name where that isn't known."""
    kind = file.type_of(expression)
    if kind is not None:
        return kind.startswith("opentelemetry.") and kind.endswith("Tracer")
    name = (dotted(expression) or "").rpartition(".")[2]
    return _TRACER.search(name) is not None and speaks_opentelemetry(file)
