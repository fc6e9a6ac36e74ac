"""Finds liveness endpoints that ask a database, a cache or another service."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.around import tries_around
from postil.lint.handlers import raises
from postil.lint.probes import asked_by_balancer, asked_outside, outside_dependencies, probes

MENTIONS = ("health", "live", "alive", "ping")


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    found = list(probes(file))
    seen: set[int] = set()
    for probe in found:
        if probe.readiness or id(probe.function) in seen:
            continue
        seen.add(id(probe.function))
        asked = _asked(probe.function, file)
        if asked is None:
            continue
        what, place = asked
        follows = "so an outage there restarts this service"
        yield Note(
            probe.function,
            f"`{probe.path}` {what}, {'which only `/ready` should' if _is_caught(place, file) else follows}",
            secondary=(Secondary(place, "asked here"),),
            # Others may ask the helper in which it stands, rightly.
            anchor=place if _stands_in(place, probe.function, file) else None,
            severity="hint" if asked_by_balancer(probe, found) else None,
        )


def _asked(function: cst.FunctionDef, file: SourceFile) -> tuple[str, cst.CSTNode] | None:
    """What an endpoint asks, in words, and where."""
    for call in asked_outside(function, file):
        return f"waits for `{file.code(call.func)}`", call
    for param in outside_dependencies(function, file):
        return f"needs `{param.name.value}`", param
    return None


def _is_caught(place: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a handler around a question may keep its failure from the orchestrator."""
    return any(not raises(handler) for tried in tries_around(place, None, file) for handler in tried.handlers)


def _stands_in(place: cst.CSTNode, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a place is in a function's own text, and not in that of a helper."""
    return any(above is function for above in file.ancestors(place))
