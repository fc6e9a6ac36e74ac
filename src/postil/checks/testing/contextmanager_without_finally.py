"""Finds context managers whose clean-up is skipped when their body raises."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.tree import walk_scope
from postil.lint.yields import skipped_cleanup

MENTIONS = ("contextmanager",)

_DECORATORS = ("contextlib.contextmanager", "contextlib.asynccontextmanager")


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators or file.decorator(function, *_DECORATORS) is None:
        return
    if file.is_lifespan(function) or file.decorator(function, "pytest.fixture", "pytest_asyncio.fixture") is not None:
        return
    for node in walk_scope(function.body):
        if isinstance(node, cst.Yield) and (skipped := skipped_cleanup(node, function, file)) is not None:
            yield Note(
                node,
                f"what follows this `yield` is skipped when the body of `with {function.name.value}(…)` raises",
                secondary=(Secondary(skipped.statement, "skipped"),),
                fix=skipped.fix,
            )
