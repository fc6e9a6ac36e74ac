"""One repository on GitHub, in the words of a review.

Reading happens as often as needed. Writing happens once: where GitHub leaves open whether a write took place, the
repository is asked before anything is sent again. Everything that is read here was written by strangers.
"""

import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
import structlog
from pydantic import AliasPath, Field

from postil.github import queries
from postil.github.answers import body_of
from postil.github.connection import Connection, member, read
from postil.github.contents import Contents
from postil.github.errors import BadAnchors, GiveUp, Invalid, Moot, NoAnswer
from postil.github.fetch import Clone, Fetched
from postil.github.model import CheckRun, OwnWords, PullContext, Texts, Thread, ThreadComment, Wire
from postil.review.compose import CHECK_AGAIN, Notice
from postil.review.diff import reverse_apply
from postil.review.marker import read_marker
from postil.review.model import Annotation, ChangedFile, CheckOutput, Comment, FileStatus

log = structlog.get_logger(__name__)

T = TypeVar("T")

CHECK_NAME = "Postil"

ANNOTATIONS = 50  # annotations in one request, GitHub's maximum
FILE_PAGES = 30  # GitHub lists at most 3000 files of a pull request, 100 on a page

_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]+")
_ANCHOR = re.compile(r"\b(?:diff|line|hunk|path|side|position)\b", re.IGNORECASE)


class _File(Wire):
    filename: str
    status: FileStatus
    sha: str | None = None
    previous_filename: str | None = None
    additions: int = 0
    deletions: int = 0
    patch: str | None = None


class _Review(OwnWords):
    state: str
    ours: bool = Field(validation_alias="viewerDidAuthor")


class _Comment(OwnWords):
    ours: bool = Field(validation_alias="viewerDidAuthor")


class _Comments(Wire):
    nodes: tuple[_Comment, ...]
    more: bool = Field(validation_alias=AliasPath("pageInfo", "hasPreviousPage"))
    cursor: str | None = Field(default=None, validation_alias=AliasPath("pageInfo", "startCursor"))


class _Reviews(Wire):
    nodes: tuple[_Review, ...]
    more: bool = Field(validation_alias=AliasPath("pageInfo", "hasPreviousPage"))
    cursor: str | None = Field(default=None, validation_alias=AliasPath("pageInfo", "startCursor"))


class _Threads(Wire):
    nodes: tuple[Thread, ...]
    more: bool = Field(validation_alias=AliasPath("pageInfo", "hasNextPage"))
    cursor: str | None = Field(default=None, validation_alias=AliasPath("pageInfo", "endCursor"))


class _Permission(Wire):
    permission: str


class _Compared(Wire):
    sha: str = Field(validation_alias=AliasPath("merge_base_commit", "sha"))


class _Created(Wire):
    id: int


class _Listed(Wire):
    """A review, as REST lists it."""

    id: int
    state: str = ""


class _CheckRuns(Wire):
    check_runs: tuple[CheckRun, ...]


WAYS = ("resolved", "minimised", "edited")
"""The ways to close a thread, the best first; which one works depends on the rights of the installation."""


class _PendingError(Exception):
    """A review that we once began and never submitted keeps GitHub from taking another."""


class Repository:
    """One repository, as one installation of the App sees it.

    Args:
        owner: the login of its owner.
        name: its name.
        connection: signs with the rights that a review needs.
        reactions: signs with the right to react to comments, which an installation may not have granted.
        resolving: signs with the right to resolve threads, likewise.
        clone: gives the repository of a full name as git sees it.
        turn: waits until the next write may be sent, which is done in its block.

    Every method that speaks to GitHub raises `TryAgain`, `GiveUp` or `Moot`, besides what it names itself.
    """

    def __init__(
        self,
        owner: str,
        name: str,
        connection: Connection,
        reactions: Connection,
        resolving: Connection,
        clone: Callable[[str], Clone],
        turn: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        if not _NAME.fullmatch(owner) or not _NAME.fullmatch(name):
            raise GiveUp("no repository of GitHub has such a name")
        self.owner = owner
        self.name = name
        self._connection = connection
        self._reactions = reactions
        self._resolving = resolving
        self._clone = clone
        self._turn = turn
        self._root = f"repos/{owner}/{name}"
        self._contents = Contents(owner, name, connection)

    # Reading

    async def context(self, number: int) -> PullContext:
        """A pull request with what we said, all threads, and the project files of its base branch, in one call.

        More calls are made only beyond 100 reviews, threads or comments, and for project files too large for the query.
        """
        repository = await self._query(queries.CONTEXT, number=number)
        pull = _pull(repository)
        reviews = await self._own_reviews(number, read(_Reviews, pull["reviews"], "the context query"))
        threads = await self._threads(number, read(_Threads, pull["reviewThreads"], "the context query"))
        comments = await self._own_comments(number, read(_Comments, pull["comments"], "the context query"))
        tip = (pull.get("baseRef") or {}).get("target") or {}
        base_files: dict[str, str] = {}
        unread: dict[str, str] = {}
        for index, path in enumerate(queries.PROJECT_FILES):
            blob = (tip.get(f"f{index}") or {}).get("object")
            content = await self._contents.content(blob)
            if content.text is not None:
                base_files[path] = content.text
            elif not content.absent:
                unread[path] = content.reason
        extra = {
            "reviews": reviews,
            "threads": threads,
            "comments": comments,
            "base_files": base_files,
            "unread": unread,
            "config_sha": tip.get("oid", ""),
            "repository": repository.get("nameWithOwner"),
            "repository_id": repository.get("databaseId"),
        }
        return read(PullContext, {**pull, **extra}, "the context query")

    async def changed_files(self, number: int) -> list[ChangedFile]:
        """The files of a pull request, in GitHub's order; GitHub lists at most 3000."""
        files: list[ChangedFile] = []
        path = f"{self._root}/pulls/{number}/files?per_page=100"
        for _ in range(FILE_PAGES):
            response = await self._connection.rest("GET", path)
            files.extend(
                ChangedFile(
                    path=each.filename,
                    status=each.status,
                    sha=each.sha,
                    previous_path=each.previous_filename,
                    additions=each.additions,
                    deletions=each.deletions,
                    patch=each.patch,
                )
                for each in read(list[_File], _list_of(response), "the list of changed files")
            )
            path = response.links.get("next", {}).get("url", "")
            if not path:
                break
        return files

    async def texts(self, files: Sequence[tuple[str, str | None]], at: Mapping[str, str] | None = None) -> Texts:
        """The contents of `files` (path and blob id), and of other paths `at` a "commit:path" expression.

        Fifty of each go into one call; where GitHub can't serve so many at once, fewer. A path of `at` that doesn't
        exist is simply absent, one of `files` without content is in `missing`.
        """
        return await self._contents.texts(files, at or {})

    async def merge_base(self, base: str, head: str) -> str:
        """The commit that `head` left `base` at: what GitHub compares a pull request with."""
        path = f"{self._root}/compare/{quote(base, safe='')}...{quote(head, safe='')}"
        # Only the first page carries files and patches; the second has all that is asked for here.
        response = await self._connection.rest("GET", path, params={"per_page": 1, "page": 2})
        return read(_Compared, body_of(response), "a comparison").sha

    async def base_texts(
        self, files: Sequence[ChangedFile], heads: Mapping[str, str], base_sha: str, head_sha: str
    ) -> Texts:
        """What `files` were at the merge base, by their path at head; `heads` are their contents at head.

        Taken from the patches, which costs nothing; only for files without a usable patch GitHub is asked. Files that
        the pull request adds have no base, and files without content at head need none.
        """
        bases: dict[str, str] = {}
        unknown: list[ChangedFile] = []
        for file in files:
            removed = file.status is FileStatus.REMOVED
            if file.status in (FileStatus.ADDED, FileStatus.COPIED) or (file.path not in heads and not removed):
                continue
            base = _before(file, "" if removed else heads[file.path])
            if base is None:
                unknown.append(file)
            else:
                bases[file.path] = base
        if not unknown:
            return Texts(texts=bases)
        merge_base = await self.merge_base(base_sha, head_sha)
        asked = {file.path: f"{merge_base}:{file.previous_path or file.path}" for file in unknown}
        found = await self.texts([], asked)
        return Texts(texts=bases | dict(found.texts), missing=found.missing)

    async def fetched(
        self, pull: PullContext, changed: Callable[[str], bool], around: Callable[[str], bool], most: int
    ) -> Fetched:
        """All that a pull request changed, however much, by git; the arguments are those of `Clone.fetched`.

        Raises:
            FetchError: git couldn't; what the API gives is all there is.
        """
        base = await self.merge_base(pull.base_sha, pull.head_sha)
        # Under its present name, for git isn't let follow a redirect with our token.
        return await self._clone(pull.repository).fetched(base, pull.head_sha, changed, around, most)

    async def permission(self, login: str) -> str:
        """What a user may do here: "admin", "write", "read" or "none". Unknown users may do nothing."""
        path = f"{self._root}/collaborators/{quote(login, safe='')}/permission"
        try:
            response = await self._connection.rest("GET", path)
        except Moot:
            return "none"
        return read(_Permission, body_of(response), "a permission").permission

    async def find_review(self, number: int, run: str) -> int | None:
        """The id of the review that `run` posted, by the marker in its body; None if there is none."""
        pull = _pull(await self._query(queries.REVIEWS, number=number))
        reviews = await self._own_reviews(number, read(_Reviews, pull["reviews"], "the reviews query"))
        return next((review.id for review in reversed(reviews) if review.run == run), None)

    async def check_run(self, check_id: int) -> CheckRun:
        """A check run by its id."""
        response = await self._connection.rest("GET", f"{self._root}/check-runs/{check_id}")
        return read(CheckRun, body_of(response), "a check run")

    async def find_check(self, head_sha: str, external_id: str) -> int | None:
        """The id of our check run of a commit with that `external_id`; None if there is none."""
        path = f"{self._root}/commits/{quote(head_sha, safe='')}/check-runs"
        params = {"check_name": CHECK_NAME, "filter": "all", "per_page": 100}
        response = await self._connection.rest("GET", path, params=params)
        runs = read(_CheckRuns, body_of(response), "the check runs of a commit").check_runs
        return next((run.id for run in runs if run.external_id == external_id), None)

    # Writing

    async def start_check(self, head_sha: str, external_id: str, output: Notice, details_url: str | None = None) -> int:
        """Begin the check run of a commit; its id. `external_id` comes back in events that ask for a rerun."""
        asked: dict[str, Any] = {
            "name": CHECK_NAME,
            "head_sha": head_sha,
            "external_id": external_id,
            "status": "in_progress",
            "output": {"title": output.title, "summary": output.summary},
        }
        if details_url:
            asked["details_url"] = details_url
        return await self._once(
            lambda: self._create(f"{self._root}/check-runs", asked), lambda: self.find_check(head_sha, external_id)
        )

    async def pass_check(self, head_sha: str, external_id: str, output: Notice) -> int:
        """Report success on a commit at once, in one call; the check run's id."""
        asked = {
            "name": CHECK_NAME,
            "head_sha": head_sha,
            "external_id": external_id,
            "status": "completed",
            "conclusion": "success",
            "output": {"title": output.title, "summary": output.summary},
        }
        return await self._once(
            lambda: self._create(f"{self._root}/check-runs", asked), lambda: self.find_check(head_sha, external_id)
        )

    async def finish_check(self, check_id: int, output: CheckOutput, *, repeated: bool = False) -> None:
        """Complete a check run with its verdict and annotations, fifty in a request; the last one completes it.

        With `repeated`, for work that may have been done before, GitHub is asked first which annotations it has: it
        would append them again.
        """
        arrived = (await self.check_run(check_id)).annotations if repeated else 0
        left = output.annotations[arrived:]
        for start in range(0, max(len(left), 1), ANNOTATIONS):
            batch = left[start : start + ANNOTATIONS]
            last = start + ANNOTATIONS >= len(left)
            asked: dict[str, Any] = {
                "output": {
                    "title": output.title,
                    "summary": output.summary,
                    "annotations": [_annotation(each) for each in batch],
                },
                "status": "in_progress",
            }
            if last:
                asked |= {
                    "status": "completed",
                    "conclusion": output.conclusion.value,
                    "actions": [asdict(CHECK_AGAIN)],
                }
            await self._update_check(check_id, asked, arrived + start + len(batch))

    async def complete_check(
        self, check_id: int, conclusion: Literal["cancelled", "neutral", "action_required"], output: Notice
    ) -> None:
        """Complete a check run without a verdict: nothing was judged, or newer work took its place."""
        asked: dict[str, Any] = {
            "status": "completed",
            "conclusion": conclusion,
            "output": {"title": output.title, "summary": output.summary},
        }
        if conclusion != "cancelled":
            asked["actions"] = [asdict(CHECK_AGAIN)]
        await self._write("PATCH", f"{self._root}/check-runs/{check_id}", asked, repeat=True)

    async def post_review(self, number: int, head_sha: str, body: str, comments: Sequence[Comment]) -> int:
        """Post one review, at once and visible; its id. `body` carries the marker of the run.

        A review that GitHub may have taken without saying so is looked for before it is sent again. A caller that is
        told to try again later has to look as well (`find_review`), before it calls this.

        Raises:
            BadAnchors: a comment doesn't stand on the diff; nothing was posted.
            Moot: `head_sha` isn't part of the pull request any more.
        """
        marker = read_marker(body)
        run = marker.run if marker else None
        asked = {
            "commit_id": head_sha,
            "body": body,
            "event": "COMMENT",
            "comments": [_inline(comment) for comment in comments],
        }

        async def send() -> int:
            try:
                return await self._create(f"{self._root}/pulls/{number}/reviews", asked)
            except Invalid as error:
                raise _refusal(error, anchored=bool(comments)) from error

        async def send_once() -> int:
            # Without a marker a review can't be found again, so it is never sent again either.
            return await (send() if run is None else self._once(send, lambda: self.find_review(number, run)))

        try:
            return await send_once()
        except _PendingError:
            await self._drop_pending(number)
        try:
            return await send_once()
        except _PendingError as error:
            raise GiveUp("a pending review of this App can't be removed, and blocks every other") from error

    async def comment(self, number: int, body: str) -> int:
        """Write into the conversation of a pull request; the comment's id. `body` carries a marker.

        A comment that GitHub may have taken without saying so is looked for before it is sent again.
        """
        marker = read_marker(body)
        path = f"{self._root}/issues/{number}/comments"

        async def find() -> int | None:
            return await self.find_comment(number, marker.run) if marker else None

        return await self._once(lambda: self._create(path, {"body": body}), find)

    async def find_comment(self, number: int, run: str) -> int | None:
        """The id of our comment with `run` in its marker, among the newest hundred; None if there is none.

        GitHub says which are ours: any other App could repeat our marker.
        """
        pull = _pull(await self._query(queries.COMMENTS, number=number))
        page = read(_Comments, pull["comments"], "the comments query")
        return next((each.id for each in reversed(page.nodes) if each.ours and each.run == run), None)

    async def react(
        self, kind: Literal["issue_comment", "pull_request_review_comment"], comment_id: int, content: str
    ) -> bool:
        """React to a comment (`content` as "eyes"); False where the App may not, or the comment is gone.

        `kind` is the event that told of the comment. Reacting in the conversation needs the optional permission to
        write issues, so it has a token of its own.
        """
        of_review = kind == "pull_request_review_comment"
        path = f"{self._root}/{'pulls' if of_review else 'issues'}/comments/{comment_id}/reactions"
        connection = self._connection if of_review else self._reactions
        try:
            async with self._turn():
                await connection.rest("POST", path, json={"content": content}, repeat=True)
        except (GiveUp, Moot):
            return False
        return True

    async def close(self, threads: Sequence[Thread], edited: Callable[[str], str], ways: Sequence[str] = WAYS) -> str:
        """Close our threads about what is no longer so, by the first of the `ways` that the App may go; its name.

        Whichever it is, the comment's text is `edited` as well; "left" where nothing is permitted. A thread in which
        somebody else wrote is resolved or left, never hidden or changed.
        """
        alone = [thread for thread in threads if all(comment.ours for comment in thread.comments)]
        for way in ways:
            concerned = threads if way == "resolved" else alone
            if not concerned:
                continue
            try:
                await self._change(way, concerned, _texts(alone, edited))
            except GiveUp:
                continue
            except Moot:
                pass  # somebody deleted one of them meanwhile; the others are closed
            return way
        return "left"

    async def reopen(self, threads: Sequence[Thread], restored: Callable[[str], str]) -> None:
        """Open our threads again that we closed, where that is permitted, and give their comments `restored` words."""
        resolved = [thread for thread in threads if thread.resolved]
        edited = [thread for thread in threads if not thread.resolved]
        try:
            for way, concerned in (("reopened", resolved), ("edited", edited)):
                if concerned:
                    await self._change(way, concerned, _texts(concerned, restored))
        except (GiveUp, Moot) as error:
            log.warning("threads_not_reopened", why=str(error))

    async def _change(self, way: str, threads: Sequence[Thread], texts: Sequence[tuple[ThreadComment, str]]) -> None:
        """Close or open threads, and change comments' texts, which say so too: only so we know later that it was us."""
        if way == "edited":
            for comment, text in texts:
                with contextlib.suppress(Moot):
                    await self._write("PATCH", f"{self._root}/pulls/comments/{comment.id}", {"body": text}, repeat=True)
            return
        hiding = way == "minimised"
        ids = [thread.comments[0].node_id if hiding else thread.id for thread in threads]
        given = {f"i{number}": each for number, each in enumerate(ids)}
        for number, (comment, text) in enumerate(texts):
            given |= {f"e{number}": comment.node_id, f"t{number}": text}
        connection = self._connection if hiding else self._resolving
        async with self._turn():
            await connection.graphql(queries.change(way, len(ids), len(texts)), given)

    # The parts of it

    async def _query(self, query: str, **variables: object) -> dict[str, Any]:
        answer = await self._connection.graphql(query, {"owner": self.owner, "name": self.name, **variables})
        return member(answer.get("data"), "repository")

    async def _own_reviews(self, number: int, page: _Reviews) -> list[OwnWords]:
        """Our submitted reviews from a page and those before it, oldest first."""
        ours: list[OwnWords] = []
        while True:
            ours[:0] = [review for review in page.nodes if review.ours and review.state != "PENDING"]
            if not page.more:
                return ours
            pull = _pull(await self._query(queries.REVIEWS, number=number, before=page.cursor))
            page = read(_Reviews, pull["reviews"], "the reviews query")

    async def _own_comments(self, number: int, page: _Comments) -> list[OwnWords]:
        """Our comments from a page and those before it, oldest first, until one tells of the orders that hold."""
        ours: list[OwnWords] = []
        while True:
            ours[:0] = [comment for comment in page.nodes if comment.ours]
            if not page.more or any(comment.orders for comment in ours):
                return ours
            pull = _pull(await self._query(queries.COMMENTS, number=number, before=page.cursor))
            page = read(_Comments, pull["comments"], "the comments query")

    async def _threads(self, number: int, page: _Threads) -> list[Thread]:
        threads = [*page.nodes]
        while page.more:
            pull = _pull(await self._query(queries.THREADS, number=number, after=page.cursor))
            page = read(_Threads, pull["reviewThreads"], "the threads query")
            threads.extend(page.nodes)
        return threads

    async def _write(
        self, method: str, path: str, asked: Mapping[str, Any] | None = None, *, repeat: bool = False
    ) -> httpx.Response:
        async with self._turn():
            return await self._connection.rest(method, path, json=asked, repeat=repeat)

    async def _create(self, path: str, asked: Mapping[str, Any]) -> int:
        return read(_Created, body_of(await self._write("POST", path, asked)), "something new").id

    async def _once(self, send: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]]) -> T:
        """Send; where nobody knows whether that worked, look for the result before sending once more."""
        try:
            return await send()
        except NoAnswer:
            await self._connection.pause(1)  # GitHub may still be at work on what we sent
        if (done := await find()) is not None:
            return done
        return await send()

    async def _update_check(self, check_id: int, asked: Mapping[str, Any], expected: int) -> None:
        """Send one batch of annotations; `expected` is how many there are after it."""

        async def send() -> bool:
            await self._write("PATCH", f"{self._root}/check-runs/{check_id}", asked)
            return True

        async def find() -> bool | None:
            run = await self.check_run(check_id)
            return True if run.annotations >= expected and run.status == asked["status"] else None

        await self._once(send, find)

    async def _drop_pending(self, number: int) -> None:
        """Delete the reviews that we began and never submitted. GitHub lists them to their author only."""
        path = f"{self._root}/pulls/{number}/reviews"
        listed = f"{path}?per_page=100"
        while listed:
            response = await self._connection.rest("GET", listed)
            for review in read(list[_Listed], _list_of(response), "the list of reviews"):
                if review.state == "PENDING":
                    await self._write("DELETE", f"{path}/{review.id}")
            listed = response.links.get("next", {}).get("url", "")


def _pull(repository: Mapping[str, Any]) -> dict[str, Any]:
    return member(repository, "pullRequest")


def _list_of(response: httpx.Response) -> object:
    """The answer's JSON list; what isn't JSON is no list."""
    try:
        return response.json()
    except ValueError:
        return None


def _before(file: ChangedFile, head: str) -> str | None:
    """A file before the pull request, as its patch tells; None where that doesn't tell it."""
    if file.patch is not None:
        return reverse_apply(head, file.patch)
    return head if file.status is FileStatus.RENAMED and file.additions == file.deletions == 0 else None


def _inline(comment: Comment) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "path": comment.path,
        "body": comment.body,
        "line": comment.line,
        "side": comment.side,
    }
    if comment.start_line is not None and comment.start_line != comment.line:
        asked |= {"start_line": comment.start_line, "start_side": comment.side}
    return asked


def _annotation(each: Annotation) -> dict[str, Any]:
    return {
        "path": each.path,
        "start_line": each.start_line,
        "end_line": each.end_line,
        "annotation_level": each.level,
        "title": each.title,
        "message": each.message,
    }


def _texts(threads: Sequence[Thread], edited: Callable[[str], str]) -> list[tuple[ThreadComment, str]]:
    """The comments that began these threads and that get another text, each with it."""
    first = [thread.comments[0] for thread in threads]
    return [(comment, text) for comment in first if (text := edited(comment.body)) != comment.body]


def _refusal(error: Invalid, *, anchored: bool) -> Exception:
    """What a 422 for a review means, which had comments if it was `anchored`. GitHub says it in sentences only."""
    words = error.why.lower()
    if "pending review" in words:
        return _PendingError()
    if "part of the pull request" in words:
        return Moot("the commit isn't part of the pull request any more")
    if anchored and _ANCHOR.search(" ".join(error.reasons)):
        return BadAnchors(error.reasons)
    return error
