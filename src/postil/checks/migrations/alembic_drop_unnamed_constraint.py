"""Finds constraints and indexes that are dropped without a name."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, has_unpacking
from postil.lint.alembic import batch_names, is_revision, operation

MENTIONS = ("drop_constraint", "drop_index")

_NAMES = {"drop_constraint": "constraint_name", "drop_index": "index_name"}


def check(file: SourceFile) -> Notes:
    if not file.mentions("down_revision") or not is_revision(file):
        return
    batches = batch_names(file)
    for call in file.nodes(cst.Call):
        kind = operation(file, call, batches)
        if kind not in _NAMES or has_unpacking(call):
            continue
        given = next(
            (
                arg.value
                for position, arg in enumerate(call.args)
                if (arg.keyword is None and position == 0)
                or (arg.keyword is not None and arg.keyword.value == _NAMES[kind])
            ),
            None,
        )
        if given is None or (isinstance(given, cst.Name) and given.value == "None"):
            what = "a constraint" if kind == "drop_constraint" else "an index"
            yield Note(call, f"`{file.code(call.func)}` drops {what} without a name, which fails whenever it runs")
