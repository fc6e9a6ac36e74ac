"""Finds endpoints that callers no longer reach where they were."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument, string_value
from postil.lint.contract import ContractChange
from postil.lint.interface import Interface


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    yield from _moved_routers(contract)
    for each in contract.endpoints:
        before, after = each.before, each.after
        if after is None or not each.moved or before.hidden or after.hidden:
            continue
        slash = {path.rstrip("/") for path in before.paths} == {path.rstrip("/") for path in after.paths}
        slash = slash and before.methods <= after.methods
        text = f"`{before.shown}` becomes `{after.shown}`"
        if slash:
            text += ", which FastAPI redirects to only where `redirect_slashes` is on"
        severity = "hint" if before.deprecated else "warning" if slash else None
        yield Note(after.file.at(after.route.decorator), text, severity=severity)


def _moved_routers(contract: ContractChange) -> Iterator[Note]:
    """Routers from files that aren't changed, which an application includes under another prefix."""
    if _routers(contract.base) != _routers(contract.head):
        return  # what was a prefix here may be the router's own now
    before = _prefixes(contract.base)
    for name, places in _prefixes(contract.head).items():
        if len(places) != 1 or len(before.get(name, ())) != 1:
            continue
        (old, _, _), (new, file, call) = before[name][0], places[0]
        if old is not None and new is not None and old != new:
            text = f"all endpoints of `{name}` move from `{old or '/'}` to `{new or '/'}`"
            yield Note(file.at(call), text)


def _routers(interface: Interface) -> list[str]:
    """How the routers at hand are made."""
    return sorted(line.strip() for file in interface.files for line in file.text.splitlines() if "Router(" in line)


def _prefixes(interface: Interface) -> dict[str, list[tuple[str | None, SourceFile, cst.Call]]]:
    """The prefixes under which applications include routers that aren't at hand; None where one isn't written out."""
    found: dict[str, list[tuple[str | None, SourceFile, cst.Call]]] = {}
    for file, call in interface.includes:
        router = argument(call, "router", 0)
        if router is None or not isinstance(call.func, cst.Attribute) or interface.modules.value(file, router):
            continue
        app = interface.modules.value(file, call.func.value)
        is_app = app is not None and isinstance(app[1], cst.Call) and app[0].called(app[1]) == "FastAPI"
        prefix = argument(call, "prefix")
        told = "" if prefix is None else string_value(prefix)
        name = file.name_of(router) or file.code(router)
        found.setdefault(name, []).append((told if is_app else None, file, call))
    return found
