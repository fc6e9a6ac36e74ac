"""Finds liveness endpoints that ask a database, a cache or another service."""

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile
from postil.lint.probes import outside_calls, outside_dependencies, probes

MENTIONS = ("health", "live", "alive", "ping")


def check(file: SourceFile) -> Notes:
    if not file.is_service:
        return
    found = list(probes(file))
    # `/live` beside `/health`: then `/health` may be what the load balancer asks.
    lively = any(not probe.readiness and "live" in probe.path.rpartition("/")[2] for probe in found)
    seen: set[int] = set()
    for probe in found:
        if probe.readiness or id(probe.function) in seen:
            continue
        seen.add(id(probe.function))
        asked = _asked(probe.function, file)
        if asked is None:
            continue
        what, place = asked
        conventional = lively and "live" not in probe.path.rpartition("/")[2]
        yield Note(
            probe.function,
            f"`{probe.path}` {what}, so an outage there restarts this service",
            secondary=(Secondary(place, "asked here"),),
            # Others may ask the helper in which it stands, rightly.
            anchor=place if _stands_in(place, probe.function, file) else None,
            severity="hint" if conventional else None,
        )


def _asked(function: cst.FunctionDef, file: SourceFile) -> tuple[str, cst.CSTNode] | None:
    """What an endpoint asks, in words, and where."""
    for each in file.calls.reached(function):
        for call in outside_calls(each, file):
            return f"waits for `{file.code(call.func)}`", call
    for param in outside_dependencies(function, file):
        return f"needs `{param.name.value}`", param
    return None


def _stands_in(place: cst.CSTNode, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a place is in a function's own text, and not in that of a helper."""
    return any(above is function for above in file.ancestors(place))
