"""What a change adds for tools that another one replaces: sections of their own, and requirements."""

import re
from collections.abc import Collection, Iterator
from posixpath import basename

from postil.lint.change import TextChange
from postil.lint.check import Span
from postil.lint.dependencies import distribution, requirements


def configured(change: TextChange, tools: Collection[str], called: re.Pattern[str]) -> Iterator[tuple[Span, str, str]]:
    """What a change of a configuration file adds for `tools`: where, for which, and what it is.

    A requirement of a table whose name `called` matches doesn't count: what the package needs itself, it calls.
    """
    name = basename(change.path)
    if name in ("setup.cfg", "tox.ini", "mypy.ini", ".mypy.ini"):
        for line in change.added:
            if (tool := line.code[1:-1]) in tools and line.code == f"[{tool}]":
                yield line, tool, f"`{line.code}` configures {tool}"
    if name == "pyrightconfig.json" and "pyright" in tools and change.is_added and change.added:
        yield change.added[0], "pyright", f"`{name}` configures pyright"
    toml, base = change.head_toml, change.base_toml
    if name != "pyproject.toml" or toml is None or not change.compared:
        return
    for tool in tools:
        place = toml.span("tool", tool)
        if place is not None and (base is None or base.get("tool", tool) is None):
            yield place, tool, f"`[tool.{tool}]` configures {tool}"
    before = {distribution(requirement) for (requirement, _), _ in requirements(base)} if base is not None else set()
    for (requirement, table), keys in requirements(toml):
        tool, place = distribution(requirement), toml.span(*keys)
        if tool is None or tool not in tools or tool in before or place is None:
            continue
        if not called.search(table[-1]):
            yield place, tool, f"`{requirement}` installs {tool}"
