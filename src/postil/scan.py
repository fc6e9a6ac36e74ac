"""Analyses a whole folder for the command line: in chunks, on several processors, and only what isn't known already.

What is found in a file depends on that file, the project files, the rules and their options, and on Postil itself; what
is found in all of them together depends on all of them. Nothing else enters a result, so that it is the same however
the files are spread, and can be kept under a digest of just these.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from postil import packs
from postil.cache import Cache, digest
from postil.lint.change import Change
from postil.review.analysis import Part
from postil.review.config import Choice
from postil.review.model import Analysis, Introduced
from postil.sandbox import Analyst

CHUNK_FILES, CHUNK_CHARACTERS = 40, 300_000
"""A chunk takes a child a few seconds: long against what it costs to hand it over, short against a whole folder."""
_CHOICE = TypeAdapter(Choice)
_DECIDES = ("libcst", "tree-sitter", "tree-sitter-toml", "packaging", "pydantic")
"""The packages that the analysis is made of, besides Postil."""


def makers_of(guideline: packs.Guideline, folders: Sequence[Path]) -> str | None:
    """A digest of all that judges: code, packages, Python and the packs' pages; None where it can't be known.

    The code of rules of one's own may reach anywhere, so with those nothing is known.
    """
    if any(not rule.check.__module__.startswith("postil.checks.") for rule in guideline.rules.rules):
        return None
    here = Path(__file__).parent
    files = sorted(here.rglob("*.py"))
    pages = [file for folder in folders for pattern in ("*.toml", "*/*.md") for file in sorted(folder.glob(pattern))]
    names = [f"{name} {version(name)}" for name in _DECIDES]
    read = (part for file in (*files, *pages) for part in (str(file), file.read_bytes()))
    return digest([sys.version, *names, *read])


async def scan(
    changes: Sequence[Change],
    project: Mapping[str, str],
    choice: Choice,
    analyst: Analyst,
    cache: Cache,
    makers: str,
    tell: Callable[[int, int], None] = lambda begun, of: None,
) -> Analysis:
    """What is found in the files of a folder, each on its own and all of them together.

    `makers` names what judges, as `makers_of` does. `tell` hears, of the files that nothing is known of, how many were
    begun, and how many these are.

    Raises:
        SandboxError: no child could be started.
    """
    settings = json.dumps(_CHOICE.dump_python(choice, mode="json"), sort_keys=True)
    around = digest([makers, settings, *(part for item in sorted(project.items()) for part in item)])
    keys = {change.path: digest([around, "file", change.path, change.head or ""]) for change in changes}
    named = sorted((change.path, change.head or "") for change in changes)
    whole_key = digest([around, "whole", *(part for item in named for part in item)])

    found = {path: known for path, key in keys.items() if (known := cache.get(key)) is not None}
    whole = cache.get(whole_key)
    chunks = list(_chunks(change for change in changes if change.path not in found))
    ran: list[Analysis] = []
    unknown = sum(map(len, chunks))
    begun: set[str] = set()

    def begin(path: str) -> None:
        begun.add(path)
        tell(len(begun), unknown)

    async def look_at(chunk: Sequence[Change]) -> None:
        analysis = await analyst.analyse(chunk, project, project, choice, Part.FILES, begin)
        ran.append(analysis)
        for path, alone in _by_file(chunk, analysis):
            cache.put(keys[path], alone)

    async def look_at_all() -> Analysis:
        analysis = await analyst.analyse(changes, project, project, choice, Part.WHOLE)
        if not analysis.problems:
            cache.put(whole_key, analysis)
        return analysis

    if len(chunks) > 1:
        async with asyncio.TaskGroup() as group:
            all_together = group.create_task(look_at_all()) if whole is None else None
            for chunk in chunks:
                group.create_task(look_at(chunk))
        whole = all_together.result() if all_together is not None else whole
    else:
        # One child does it all: a second one takes longer to start than to work.
        for chunk in chunks:
            await look_at(chunk)
        whole = whole or await look_at_all()
    return _joined([*found.values(), *ran, *([whole] if whole is not None else [])])


def _chunks(changes: Iterable[Change]) -> Iterator[list[Change]]:
    chunk: list[Change] = []
    size = 0
    for change in changes:
        chunk.append(change)
        size += len(change.head or "")
        if len(chunk) >= CHUNK_FILES or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _by_file(chunk: Sequence[Change], analysis: Analysis) -> Iterator[tuple[str, Analysis]]:
    """What was found in each file, for those where it would be found again.

    Whether a file is too large or takes too long is up to the machine, and a crash to whatever brought it about.
    """
    odd = {problem.path for problem in analysis.problems if problem.kind != "syntax"}
    for change in chunk if "" not in odd else ():
        path = change.path
        if path not in odd:
            yield (
                path,
                Analysis(
                    tuple(each for each in analysis.introduced if each.finding.path == path),
                    tuple(each for each in analysis.suppressed if each.finding.path == path),
                    tuple(problem for problem in analysis.problems if problem.path == path),
                    int(change.is_python),
                ),
            )


def _joined(analyses: Sequence[Analysis]) -> Analysis:
    return Analysis(
        tuple(sorted((each for analysis in analyses for each in analysis.introduced), key=_place)),
        tuple(sorted((each for analysis in analyses for each in analysis.suppressed), key=_place)),
        tuple(dict.fromkeys(problem for analysis in analyses for problem in analysis.problems)),
        sum(analysis.files for analysis in analyses),
    )


def _place(each: Introduced) -> tuple[str, int, int, str, str]:
    finding = each.finding
    return (finding.path, finding.line, finding.column, finding.rule, finding.message)
