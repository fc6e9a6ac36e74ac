"""Finds metric label values that are different for each request or failure: raw paths, exception texts, ids, times."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.catalogue.metrics import OTEL_INSTRUMENTS, PROMETHEUS_USES, UNBOUNDED_LABELS
from postil.lint.metrics import metric_of, raw_part_of_request
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("labels(", "opentelemetry")

_EACH_TIME = frozenset(
    {
        "uuid.uuid1",
        "uuid.uuid4",
        "time.time",
        "time.time_ns",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.date.today",
        "django.utils.timezone.now",
    }
)


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not isinstance(func, cst.Attribute) or not file.is_service:
        return
    for value in _values(call, func, file):
        what = _differs(value, file)
        if what is not None:
            yield Note(value, f"the label gets {what}, so there is a time series for each one that ever occurs")


def _values(call: cst.Call, func: cst.Attribute, file: SourceFile) -> Iterator[cst.BaseExpression]:
    """The label values that a call sends."""
    if func.attr.value == "labels":
        used = file.parent(call)
        known = isinstance(used, cst.Attribute) and used.attr.value in PROMETHEUS_USES
        if known or metric_of(func.value, file) is not None:
            yield from (arg.value for arg in call.args if not arg.star)
    elif func.attr.value in ("add", "record", "set"):
        attributes = argument(call, "attributes", 1)
        attributes = file.value_of(attributes) if isinstance(attributes, cst.Name) else attributes
        if not isinstance(attributes, cst.Dict):
            return
        if OTEL_INSTRUMENTS.get(file.type_of(func.value) or "") == func.attr.value:
            yield from (element.value for element in attributes.elements if isinstance(element, cst.DictElement))


def _differs(value: cst.BaseExpression, file: SourceFile, depth: int = 0) -> str | None:
    """What makes a value different each time, in words; None where it may be one of a few."""
    match value:
        case cst.Name():
            if _is_caught(value, file) or (file.type_of(value) or "").endswith(("Exception", "Error")):
                return "the text of an exception"
            assigned = file.value_of(value) if depth < 2 and file.is_local(value) else None
            return _differs(assigned, file, depth + 1) if assigned is not None else None
        case cst.Attribute():
            return raw_part_of_request(value)
        case cst.Subscript(value=scope):
            if (dotted(scope) or "").rpartition(".")[2] == "scope" and '"path"' in file.code(value).replace("'", '"'):
                return "the raw path of a request"
        case cst.Call(func=cst.Name(value="str" | "repr"), args=[cst.Arg(value=inner)]):
            return _differs(inner, file, depth)
        case cst.Call():
            if file.name_of(value.func) in _EACH_TIME:
                return f"the result of `{file.code(value.func)}()`"
            # `datetime.now().isoformat()`
            return _differs(value.func.value, file, depth) if isinstance(value.func, cst.Attribute) else None
        case cst.FormattedString():
            for piece in walk(value):
                if isinstance(piece, cst.FormattedStringExpression):
                    what = _differs(piece.expression, file, depth) or _an_id(piece.expression, file)
                    if what is not None:
                        return what
    return None


def _is_caught(name: cst.Name, file: SourceFile) -> bool:
    """Whether a name is the exception of the handler around it."""
    return any(
        isinstance(above, (cst.ExceptHandler, cst.ExceptStarHandler))
        and above.name is not None
        and dotted(above.name.name) == name.value
        for above in file.ancestors(name)
    )


def _an_id(expression: cst.BaseExpression, file: SourceFile) -> str | None:
    name = (dotted(expression) or "").rpartition(".")[2]
    return f"`{file.code(expression)}`" if name.lower() in UNBOUNDED_LABELS else None
