"""Finds statements that write all rows of a table at once."""

import re

from postil.lint import Note, Notes, SourceFile
from postil.lint.revisions import revision

MENTIONS = ("down_revision",)

# What such tables hold is set up, and not collected.
_SMALL = re.compile(
    r"(?i)(?:^|_)(?:settings?|config(?:uration)?s?|roles?|permissions?|currenc(?:y|ies)|countr(?:y|ies))$"
)


def check(file: SourceFile) -> Notes:
    found = file.fact(revision)
    if found is None or found.on_sqlite:
        return
    for step in found.steps:
        if step.sql is None or step.is_new or step.repeated:
            continue
        if step.sql.verb in ("UPDATE", "DELETE") and not step.sql.bounded:
            if step.table is not None and (step.table in found.rebuilt or _SMALL.search(step.table)):
                continue
            rows = f"each row of `{step.table}`" if step.table else "each row of its table"
            said = f"one `{step.sql.verb}` writes {rows} and holds them all until the revision commits"
            yield Note(step.call, said)
