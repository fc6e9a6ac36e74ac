"""Finds dependencies whose clean-up is skipped when the endpoint raises."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.injected import lending
from postil.lint.yields import skipped_cleanup

MENTIONS = ("yield",)


def check(produced: cst.Yield, file: SourceFile) -> Notes:
    function = file.enclosing_def(produced)
    if function is None or function.decorators or not file.is_service:
        return
    if lending(function, file) is not produced or (skipped := skipped_cleanup(produced, function, file)) is None:
        return
    yield Note(
        produced,
        f"what follows this `yield` of `{function.name.value}` is skipped when the endpoint raises,"
        " as it does for a 404",
        secondary=(Secondary(skipped.statement, "skipped"),),
        fix=skipped.fix,
    )
