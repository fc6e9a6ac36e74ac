"""Finds endpoints whose declared answer may be anything."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.answers import documented
from postil.lint.untyped import untyped

MENTIONS = ("fastapi", "APIRouter")


def check(file: SourceFile) -> Notes:
    for endpoint in documented(file):
        declared = endpoint.response
        found = untyped(declared, file) if declared is not None else None
        if declared is None or found is None or argument(endpoint.route.call, "response_class") is not None:
            continue
        made = file.value_of(endpoint.route.owner)
        if isinstance(made, cst.Call) and argument(made, "default_response_class") is not None:
            continue
        text = f"`{endpoint.name}` declares that it answers with `{file.code(declared)}`, which tells callers nothing"
        yield Note(declared, text)
