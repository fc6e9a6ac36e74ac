"""Finds endpoints that callers no longer reach where they were."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes, SourceFile, argument, string_value
from postil.lint.contract import ContractChange, EndpointChange
from postil.lint.interface import Interface

_Router = tuple[str, str, str, str]


def check(changes: ChangeSet) -> Notes:
    contract = changes.fact(ContractChange)
    yield from _moved_routers(contract)
    together = _together(contract)
    for routers in together.values():
        yield from _with_router(routers, contract)
    for each in contract.endpoints:
        before, after = each.before, each.after
        if after is None or not each.moved or before.hidden or after.hidden or _router(each) in together:
            continue
        slash = {path.rstrip("/") for path in before.paths} == {path.rstrip("/") for path in after.paths}
        slash = slash and before.methods <= after.methods
        text = f"`{before.shown}` becomes `{after.shown}`"
        if slash:
            text += ", which FastAPI redirects to only where `redirect_slashes` is on"
        severity = "hint" if before.deprecated else "warning" if slash else None
        yield Note(after.file.at(after.route.decorator), text, severity=severity)


def _together(contract: ContractChange) -> dict[_Router, list[EndpointChange]]:
    """The endpoints that move with their router, where there are several: the prefix is what changed."""
    found: dict[_Router, list[EndpointChange]] = {}
    for each in contract.endpoints:
        if each.moved and not each.before.hidden and (router := _router(each)) is not None:
            found.setdefault(router, []).append(each)
    return {router: moved for router, moved in found.items() if len(moved) > 1}


def _router(each: EndpointChange) -> _Router | None:
    """The file and name of the router whose prefix moves an endpoint, and both prefixes; None where it moves itself."""
    before, after = each.before, each.after
    if after is None or after.hidden or before.route.path != after.route.path or before.methods != after.methods:
        return None
    if len(before.paths) != 1 or len(after.paths) != 1:
        return None
    old, new = (one.shown.partition(" ")[2].removesuffix(one.route.path or "") for one in (before, after))
    return (after.file.path, after.file.code(after.route.owner), old, new) if old != new else None


def _with_router(moved: list[EndpointChange], contract: ContractChange) -> Iterator[Note]:
    """One note for all that moves with a router: where it is included, or made if its own prefix is another one."""
    first = moved[0]
    router = _router(first)
    if router is None or first.after is None:
        return
    _, name, old, new = router
    place = first.after.file.at(first.after.route.decorator)
    made = contract.head.modules.value(first.after.file, first.after.route.owner)
    was = contract.base.modules.value(first.before.file, first.before.route.owner)
    if made is not None and was is not None:
        place = made[0].at(made[1])
        if _own_prefix(was[1]) == _own_prefix(made[1]):
            for file, call in contract.head.includes:
                included = argument(call, "router", 0)
                target = contract.head.modules.value(file, included) if included is not None else None
                if target is not None and target[1] is made[1]:
                    place = file.at(call)
    text = f"{len(moved)} endpoints of `{name}` move from `{old or '/'}` to `{new or '/'}`"
    yield Note(place, text, severity="hint" if all(each.before.deprecated for each in moved) else None)


def _own_prefix(made: cst.CSTNode) -> str:
    """What a router itself puts before its paths."""
    return string_value(argument(made, "prefix")) or "" if isinstance(made, cst.Call) else ""


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
