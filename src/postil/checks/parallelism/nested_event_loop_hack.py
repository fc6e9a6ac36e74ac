"""Finds `nest_asyncio`, which lets a running event loop be entered a second time."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import imported

MENTIONS = ("nest_asyncio",)

_NOTEBOOK = ("get_ipython", "# %%", "google.colab", "IPython")


def check(file: SourceFile) -> Notes:
    if not file.is_service or any(mark in file.text for mark in _NOTEBOOK):
        return
    calls = [call for call in file.nodes(cst.Call) if file.name_of(call.func) == "nest_asyncio.apply"]
    for call in calls:
        yield Note(
            call, "`nest_asyncio.apply` lets the running loop be entered again, and hides a sync call of async code"
        )
    if calls:
        return
    for statement in file.nodes(cst.Import, cst.ImportFrom):
        if isinstance(statement, (cst.Import, cst.ImportFrom)) and any(
            origin.split(".", 1)[0] == "nest_asyncio" for _, origin in imported(statement)
        ):
            yield Note(
                statement, "`nest_asyncio` lets the running loop be entered again, and hides a sync call of async code"
            )
