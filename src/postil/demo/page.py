"""A pull request as a reviewer would see it: one page with its checks, its conversation and its diff.

Everything shown comes from a pull request, and so from strangers: templates escape, Markdown is rendered without
foreign markup, and the page may load nothing but its own style sheet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from postil.demo.anchors import Row, hunks
from postil.demo.exchange import Call
from postil.demo.history import FileDiff
from postil.demo.markup import markdown
from postil.demo.state import CheckRun, FakePull, FakeRepository, Review, ReviewComment, Thread
from postil.web.colour import coloured

if TYPE_CHECKING:
    from postil.demo.fake_github import FakeGitHub

PULL = re.compile(r"/(?P<owner>[^/]+)/(?P<name>[^/]+)/pull/(?P<number>\d+)(?:/(?P<tab>files|commits|checks))?/?")
RUN = re.compile(r"/(?P<owner>[^/]+)/(?P<name>[^/]+)/runs/(?P<number>\d+)/?")
BLOB = re.compile(r"/(?P<owner>[^/]+)/(?P<name>[^/]+)/blob/(?P<sha>[0-9a-f]{40})/(?P<path>.+)")
MOST_COLOURED = 2_000_000  # bytes of all versions of all files of a pull request; colouring takes a second
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
EMOJI = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip
VERDICTS = {
    "success": "Successful",
    "failure": "Failing",
    "neutral": "Neutral",
    "cancelled": "Cancelled",
    "skipped": "Skipped",
    "timed_out": "Timed out",
    "action_required": "Action required",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a diff with what stands below it."""

    row: Row
    code: Markup
    threads: tuple["Conversation", ...]

    @property
    def kind(self) -> str:
        """The row's class."""
        return {"+": "add", "-": "del"}.get(self.row.sign, "same")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread, ready to be shown."""

    thread: Thread
    comments: tuple[tuple[ReviewComment, Markup], ...]

    @property
    def first(self) -> ReviewComment:
        """The comment that began it."""
        return self.comments[0][0]

    @property
    def place(self) -> str:
        """The lines it is about, in words, where there is more than one."""
        start, end = self.first.original_start_line, self.first.original_line
        return f"Comment on lines {start} to {end}" if start is not None else ""


@dataclass(frozen=True, slots=True)
class ShownFile:
    """One file of the diff."""

    file: FileDiff
    anchor: str
    blocks: tuple[tuple[str, tuple[Line, ...]], ...]
    comments: int
    whole: tuple[Conversation, ...]

    @property
    def note(self) -> str:
        """Why there is nothing to see, where there is nothing."""
        if self.blocks:
            return ""
        return "File renamed without changes." if self.file.status == "renamed" else "No text to show."


@cache
def templates() -> Environment:
    """The templates, escaping everything."""
    environment = Environment(
        loader=PackageLoader("postil.demo"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = markdown
    return environment


@cache
def style() -> str:
    """The style sheet."""
    return resources.files("postil.demo").joinpath("pull.css").read_text(encoding="utf-8")


def is_page(path: str) -> bool:
    """Whether a path is for people, and not for the API."""
    shown = any((found := pattern.fullmatch(path)) and found["owner"] != "repos" for pattern in (PULL, RUN, BLOB))
    return path in ("/", "/pull.css") or shown


def respond(fake: "FakeGitHub", call: Call) -> Response:
    """The page for a path that `is_page`."""
    if call.path == "/pull.css":
        return Response(style(), media_type="text/css")
    if call.path == "/":
        return _html("index.html", pulls=fake.every_pull())
    for pattern, show in ((PULL, _pull), (RUN, _run), (BLOB, _blob)):
        found = pattern.fullmatch(call.path)
        if found:
            with fake.lock:
                return show(fake, found) or _html("missing.html", 404)
    return _html("missing.html", 404)


def _html(template: str, status: int = 200, **context: Any) -> HTMLResponse:
    text = templates().get_template(template).render(verdicts=VERDICTS, verdict=verdict, emoji=EMOJI, **context)
    return HTMLResponse(text, status, headers={"content-security-policy": POLICY, "referrer-policy": "no-referrer"})


def _repository(fake: "FakeGitHub", found: re.Match[str]) -> FakeRepository | None:
    wanted = (found["owner"], found["name"])
    return next((one for one in fake.repositories if (one.owner.login, one.name) == wanted), None)


def _pull(fake: "FakeGitHub", found: re.Match[str]) -> Response | None:
    repository = _repository(fake, found)
    pull = repository.pulls.get(int(found["number"])) if repository else None
    if repository is None or pull is None:
        return None
    history = repository.history
    files = history.files_between(pull.merge_base, pull.head_sha)
    names = [name for file in files if file.patch for name in _both_sides(pull, file)]
    history.fetch(names)
    colour = sum(len(history.blob(name) or b"") for name in names) <= MOST_COLOURED
    runs = [run for run in pull.check_runs if run.head_sha == pull.head_sha]
    latest = list({run.name: run for run in runs}.values())
    return _html(
        "pull.html",
        only_files=found["tab"] == "files",
        pull=pull,
        repository=repository,
        runs=latest,
        commits=history.commits_between(pull.merge_base, pull.head_sha),
        timeline=list(_timeline(pull)),
        files=[_file(pull, file, number, colour=colour) for number, file in enumerate(files)],
        additions=sum(file.additions for file in files),
        deletions=sum(file.deletions for file in files),
        bot=fake.bot,
    )


def _run(fake: "FakeGitHub", found: re.Match[str]) -> Response | None:
    """A check run has no page of its own: it is shown on its pull request's."""
    repository = _repository(fake, found)
    for pull in repository.pulls.values() if repository else ():
        if any(run.id == int(found["number"]) for run in pull.check_runs):
            return RedirectResponse(f"/{pull.repository.full_name}/pull/{pull.number}#checks", 302)
    return None


def _blob(fake: "FakeGitHub", found: re.Match[str]) -> Response | None:
    """A file at a commit, with line numbers to link to."""
    repository = _repository(fake, found)
    content = repository.history.blob(f"{found['sha']}:{found['path']}") if repository else None
    if repository is None or content is None:
        return None
    lines = coloured(_text(content), path=found["path"])
    return _html("blob.html", repository=repository, path=found["path"], sha=found["sha"], lines=lines)


def _text(content: bytes) -> str:
    return content.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def _timeline(pull: FakePull) -> Iterator[tuple[str, Any]]:
    """What was said beside the diff, in order: reviews with a text, comments, and threads whose lines are gone."""
    said: list[tuple[Any, int, str, Any]] = []
    for review in pull.reviews:
        if review.state != "PENDING" and (review.body or any(one.is_outdated for one in review.comments)):
            said.append((review.submitted_at, review.id, "review", (review, tuple(_outdated(review)))))
    said += [(comment.created_at, comment.id, "comment", comment) for comment in pull.issue_comments]
    for _, _, kind, what in sorted(said, key=lambda one: one[:2]):
        yield kind, what


def _outdated(review: Review) -> Iterator[Conversation]:
    for comment in review.comments:
        thread = review.pull.threads.get(comment.id)
        if thread is not None and comment.is_outdated:
            yield _conversation(thread)


def _conversation(thread: Thread) -> Conversation:
    """A thread with its Markdown rendered; a suggestion is shown against the lines as they were commented."""
    first = thread.comments[0]
    replaced: list[str] = []
    if first.original_line is not None and first.side == "RIGHT":
        content = thread.pull.repository.history.blob(f"{first.original_commit_id}:{first.path}") or b""
        start = first.original_start_line or first.original_line
        replaced = _text(content).split("\n")[start - 1 : first.original_line]
    return Conversation(thread, tuple((one, markdown(one.body, replaced)) for one in thread.comments))


def _both_sides(pull: FakePull, file: FileDiff) -> tuple[str, str]:
    """What git calls a file before and after."""
    return f"{pull.merge_base}:{file.previous_path or file.path}", f"{pull.head_sha}:{file.path}"


def _file(pull: FakePull, file: FileDiff, number: int, *, colour: bool) -> ShownFile:
    history = pull.repository.history
    threads = [thread for thread in pull.threads.values() if thread.comments and thread.comments[0].path == file.path]
    standing = [_conversation(thread) for thread in threads if thread.comments[0].line is not None]
    whole = [_conversation(thread) for thread in threads if thread.comments[0].subject_type == "file"]
    sides: dict[str, list[Markup]] = {"LEFT": [], "RIGHT": []}
    if colour and file.patch:
        for side, name in zip(sides, _both_sides(pull, file), strict=True):
            sides[side] = coloured(_text(history.blob(name) or b""), path=file.path)
    blocks = []
    for hunk in hunks(file.patch):
        lines = tuple(Line(row, _code(row, sides), tuple(_at(row, standing))) for row in hunk.rows)
        blocks.append((hunk.header, lines))
    comments = sum(len(one.comments) for one in [*standing, *whole])
    return ShownFile(file, f"diff-{number}", tuple(blocks), comments, tuple(whole))


def _code(row: Row, sides: dict[str, list[Markup]]) -> Markup:
    """A row's text in colour, or plain where the coloured line is not that very text."""
    side = "LEFT" if row.sign == "-" else "RIGHT"
    number, text = row.number(side), row.text.removesuffix("\r")
    lines = sides[side]
    if number is not None and 0 < number <= len(lines) and lines[number - 1].striptags() == " ".join(text.split()):
        return lines[number - 1]
    return escape(text)


def _at(row: Row, standing: list[Conversation]) -> Iterator[Conversation]:
    for one in standing:
        shown_on_left = row.sign == "-"
        if row.number(one.first.side) == one.first.line and (one.first.side == "LEFT") == shown_on_left:
            yield one


def verdict(run: CheckRun) -> str:
    """A check run's state in words."""
    return VERDICTS.get(run.conclusion or "", "In progress" if run.status == "in_progress" else "Queued")
