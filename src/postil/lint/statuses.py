"""HTTP statuses as code writes them."""

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_STATUS_NAME = re.compile(r"^HTTP_(\d{3})_")


def status_of(expression: cst.BaseExpression | None, file: "SourceFile") -> int | None:
    """A status from a number, `status.HTTP_404_NOT_FOUND` or `HTTPStatus.NOT_FOUND`; None for everything else."""
    if isinstance(expression, cst.Integer):
        return expression.evaluated_value
    if not isinstance(expression, (cst.Attribute, cst.Name)):
        return None
    last = expression.attr.value if isinstance(expression, cst.Attribute) else expression.value
    if found := _STATUS_NAME.match(last):
        return int(found[1])
    name = (file.name_of(expression) or "").removesuffix(".value")
    if name.startswith("http.HTTPStatus."):
        return HTTPStatus.__members__.get(name.rpartition(".")[2])
    return None
