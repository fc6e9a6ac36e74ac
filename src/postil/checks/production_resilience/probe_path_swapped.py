"""Finds liveness probes in manifests that ask what only a readiness probe should ask."""

import re
from collections.abc import Iterator
from posixpath import basename

from postil.lint import ChangeSet, Note, Notes, Secondary, SourceFile, Span, TextChange, lines_of
from postil.lint.probes import asked_outside, probes

_READY = re.compile(r"(?:^|[/_-])(?:ready|readyz|readiness)/?$", re.IGNORECASE)
_PROBE = re.compile(r"(?:-\s+)?livenessProbe:\s*(?P<rest>.*)$")
# `path: /ready` of an HTTP request, or the address in a command.
_PATH = re.compile(r"""\bpath:\s*["']?(?P<path>/[^\s"',}]*)|https?://[^/\s"']+(?P<address>/[^\s"',?\]]*)""")
_HEALTHCHECK = re.compile(r"HEALTHCHECK\b(?!\s+NONE)")
_DOCKERFILE = re.compile(r"^(?:Docker|Container)file|\.dockerfile$", re.IGNORECASE)


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.texts:
        if change.head_text is None:
            continue
        if change.path.endswith((".yml", ".yaml")) and "livenessProbe" in change.head_text:
            for place, path in _new(change, _liveness_paths(change)):
                yield from _judged(place, path, change_set)
        elif "HEALTHCHECK" in change.head_text and _DOCKERFILE.search(basename(change.path)):
            for place, path in _new(change, _health_checks(change)):
                if _READY.search(path):
                    yield Note(
                        place,
                        f"`HEALTHCHECK` asks `{path}`, and an orchestrator replaces what fails it",
                        severity="hint",
                    )


def _new(change: TextChange, found: Iterator[tuple[Span, str]]) -> Iterator[tuple[Span, str]]:
    """Those of the places that the change added; all of them where nothing was compared."""
    added = {line.line for line in change.added}
    return ((place, path) for place, path in found if not change.compared or place.line in added)


def _judged(place: Span, path: str, change_set: ChangeSet) -> Notes:
    if _READY.search(path):
        yield Note(place, f"the liveness probe asks `{path}`, so an outage of what that needs restarts every process")
        return
    for file in change_set.heads(path):
        waits = _waits(path, file)
        if waits is not None:
            where, what = waits
            yield Note(
                place,
                f"the liveness probe asks `{path}`, which waits for `{what}`",
                secondary=(where,),
            )
            return


def _waits(path: str, file: SourceFile) -> tuple[Secondary, str] | None:
    """Where the endpoint of a path asks something outside; None for one that another rule judges by its name."""
    named = [probe.function for probe in probes(file)]
    for route in file.routes:
        if route.path != path or any(route.function is function for function in named):
            continue
        for call in asked_outside(route.function, file):
            return Secondary(file.at(call), "asked here"), file.code(call.func)
    return None


def _liveness_paths(change: TextChange) -> Iterator[tuple[Span, str]]:
    """The paths that the liveness probes of a manifest ask, and the lines they stand on.

    They are found by indentation, as Helm's templates are no YAML before they are filled in.
    """
    within: int | None = None
    for line in lines_of(change.path, change.head_text or ""):
        if line.code.startswith(("#", "{{")):
            continue
        probe = _PROBE.match(line.code)
        if probe is not None:
            within = line.column + probe.group().index("livenessProbe")
        elif within is None or line.column <= within:
            within = None
            continue
        found = _PATH.search(probe["rest"] if probe is not None else line.code)
        if found is not None:
            yield line, found["path"] or found["address"]


def _health_checks(change: TextChange) -> Iterator[tuple[Span, str]]:
    """The paths that the HEALTHCHECK of a Dockerfile asks, on its line or those that continue it."""
    goes_on = False
    for line in lines_of(change.path, change.head_text or ""):
        if goes_on or _HEALTHCHECK.match(line.code):
            found = _PATH.search(line.code)
            if found is not None and found["address"]:
                yield line, found["address"]
            goes_on = line.code.endswith("\\")
