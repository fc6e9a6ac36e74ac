"""Finds development dependencies in the table that only uv reads, and that it deprecates."""

from postil.lint import ChangeSet, FixKind, Note, Notes
from postil.lint.dependencies import into_groups

_KEY = ("tool", "uv", "dev-dependencies")


def check(change_set: ChangeSet) -> Notes:
    for toml, base in change_set.tomls("pyproject.toml"):
        entries = toml.get(*_KEY)
        place = toml.span(*_KEY)
        if entries is None or place is None or (base is not None and base.get(*_KEY) == entries):
            continue
        fix = into_groups(toml, place, "[tool.uv]", "dev", FixKind.SAFE)
        yield Note(place, "`dev-dependencies` of `[tool.uv]` is deprecated, and read by uv alone", fix)
