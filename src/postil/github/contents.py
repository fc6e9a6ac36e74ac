"""File contents: many in one query, the difficult ones singly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from postil.github import queries
from postil.github.connection import Connection, member, read
from postil.github.errors import NoAnswer
from postil.github.model import Texts, Wire
from postil.lint.source import Unreadable, decode

BATCH = 50
"""Blobs in one query: GitHub ends a query after ten seconds."""

MAX_BYTES = 10_000_000
"""A larger file isn't fetched."""


class _Blob(Wire):
    oid: str
    size: int | None = Field(default=None, validation_alias="byteSize")
    truncated: bool = Field(default=False, validation_alias="isTruncated")
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A file's text, or None and the reason, as a sentence without the path. `absent`: there is no such file."""

    text: str | None
    reason: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One file content: by the blob's id, or by "commit:path"."""

    path: str
    expression: str
    by_id: bool


class Contents:
    """The contents of one repository's files."""

    def __init__(self, owner: str, name: str, connection: Connection) -> None:
        self._repository = {"owner": owner, "name": name}
        self._blobs = f"repos/{owner}/{name}/git/blobs"
        self._connection = connection

    async def texts(self, files: Iterable[tuple[str, str | None]], at: Mapping[str, str]) -> Texts:
        """As `Repository.texts`."""
        files = list(files)
        known = [_Wanted(path, oid, by_id=True) for path, oid in files if oid]
        sought = [_Wanted(path, expression, by_id=False) for path, expression in at.items()]
        texts: dict[str, str] = {}
        missing = {path: "GitHub names no content for it" for path, oid in files if not oid}
        for start in range(0, max(len(known), len(sought)), BATCH):
            batch = known[start : start + BATCH] + sought[start : start + BATCH]
            for wanted, content in (await self._fetch(batch)).items():
                if content.text is not None:
                    texts[wanted.path] = content.text
                elif wanted.by_id or not content.absent:
                    missing[wanted.path] = content.reason
        return Texts(texts=texts, missing=missing)

    async def content(self, node: object) -> Content:
        """The content that a GraphQL answer holds, or that has to be fetched singly."""
        if node is None:
            return Content(None, "GitHub has no content for it", absent=True)
        blob = read(_Blob, node, "the query for contents")
        if blob.size is None:
            return Content(None, "it is not a file")
        if blob.size > MAX_BYTES:
            return Content(None, f"it is larger than {MAX_BYTES // 1_000_000} MB")
        if blob.text is None or blob.truncated or "\ufffd" in blob.text:
            # GraphQL cuts long texts, gives none for what it takes as binary, and loses bytes that aren't UTF-8.
            return await self._raw(blob.oid)
        return Content(blob.text.removeprefix("\ufeff"))

    async def _fetch(self, batch: Sequence[_Wanted]) -> dict[_Wanted, Content]:
        """The contents of a batch. Asks for less where it is too much for GitHub."""
        aliases = {f"{'o' if wanted.by_id else 'x'}{index}": wanted for index, wanted in enumerate(batch)}
        variables = self._repository | {alias: wanted.expression for alias, wanted in aliases.items()}
        try:
            answer = await self._connection.graphql(queries.objects(list(aliases)), variables, partial=len(batch) > 1)
        except NoAnswer:
            if len(batch) > 1:
                return await self._fetch_halves(batch)
            if not batch[0].by_id:
                raise
            return {batch[0]: await self._raw(batch[0].expression)}
        repository = member(answer.get("data"), "repository")
        failed = _failed(answer.get("errors") or (), aliases)
        found = {aliases[a]: await self.content(repository.get(a)) for a in aliases if a not in failed}
        if not failed:
            return found
        again = [aliases[alias] for alias in aliases if alias in failed]
        return found | await (self._fetch(again) if len(again) < len(batch) else self._fetch_halves(again))

    async def _fetch_halves(self, batch: Sequence[_Wanted]) -> dict[_Wanted, Content]:
        middle = len(batch) // 2
        return await self._fetch(batch[:middle]) | await self._fetch(batch[middle:])

    async def _raw(self, oid: str) -> Content:
        response = await self._connection.rest("GET", f"{self._blobs}/{oid}", accept="application/vnd.github.raw+json")
        try:
            return Content(decode(response.content))
        except Unreadable as error:
            return Content(None, error.message)


def _failed(errors: Sequence[Mapping[str, Any]], aliases: Mapping[str, _Wanted]) -> set[str]:
    """The aliases that an answer's errors are about. "Not found" is an answer; an error without a path is about all."""
    failed: set[str] = set()
    for error in errors:
        if error.get("type") != "NOT_FOUND":
            path = error.get("path") or ()
            failed |= {path[1]} if len(path) > 1 and path[1] in aliases else set(aliases)
    return failed
