"""Finds sse-starlette where FastAPI streams events itself."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.dependencies import is_since
from postil.lint.names import imported

MENTIONS = ("sse_starlette",)


def check(statement: cst.Import | cst.ImportFrom, file: SourceFile) -> Notes:
    found = [origin for _, origin in imported(statement) if origin.split(".", 1)[0] == "sse_starlette"]
    # What else the package has FastAPI hasn't got.
    if not found or not file.is_service or any(origin.rpartition(".")[2] not in _SAME for origin in found):
        return
    # https://fastapi.tiangolo.com/release-notes/#01350
    if is_since(file.project, file.path, "fastapi", "0.135"):
        yield Note(
            statement, "FastAPI has sent server-sent events itself since 0.135, so `sse_starlette` is not needed"
        )


_SAME = frozenset({"sse_starlette", "EventSourceResponse", "ServerSentEvent", "sse"})
