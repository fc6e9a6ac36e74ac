"""The stand-in for GitHub keeps GitHub's rules, also those that no description of the API states."""

import asyncio
import base64
import hashlib
import json
import re
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest
from githubkit import AppAuthStrategy
from githubkit import GitHub as GitHubClient
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from postil.demo import faults
from postil.demo.anchors import Anchor, hunks, refusals
from postil.demo.deliveries import Webhook, signature
from postil.demo.fake_github import FakeGitHub, Limits
from postil.demo.graph import own_schema
from postil.demo.history import History
from postil.demo.state import FakePull
from validated_github import VENDOR, ValidatedGitHub, github_schema, webhook_examples

REPO = "/repos/acme/shop"
NUMBERS = "".join(f"x{number} = {number}\n" for number in range(1, 41))
LINE = "Pull request review thread line must be part of the diff"
HUNK = "Pull request review thread diff hunk can't be blank"


@dataclass
class Client:
    """Asks the stand-in as the App would: with a JWT for a token, and with the token for everything else."""

    fake: FakeGitHub
    key: str
    headers: dict[str, str] = field(default_factory=dict)

    def jwt(self, **claims: Any) -> str:
        """The App's proof of who it is."""
        now = int(time.time())
        return jwt.encode({"iat": now - 60, "exp": now + 540, "iss": "1", **claims}, self.key, algorithm="RS256")

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, in a loop of its own."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.fake)
            async with httpx.AsyncClient(transport=transport, base_url="http://github.test") as client:
                return await client.request(method, path, headers={**self.headers, **more.pop("headers", {})}, **more)

        return asyncio.run(send())

    def mint(self, **body: Any) -> httpx.Response:
        """Ask for an installation token."""
        path = f"/app/installations/{self.fake.installation.id}/access_tokens"
        return self.ask("POST", path, json=body, headers={"authorization": f"Bearer {self.jwt()}"})

    def enter(self, **body: Any) -> "Client":
        """Ask with a new token from now on."""
        self.headers["authorization"] = f"Bearer {self.mint(**body).json()['token']}"
        return self

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET a path of the repository."""
        return self.ask("GET", REPO + path, **more)

    def post(self, path: str, /, **body: Any) -> httpx.Response:
        """POST a JSON body to a path of the repository."""
        return self.ask("POST", REPO + path, json=body)

    def patch(self, path: str, /, **body: Any) -> httpx.Response:
        """PATCH a path of the repository."""
        return self.ask("PATCH", REPO + path, json=body)

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        """Execute a GraphQL query or mutation."""
        return self.ask("POST", "/graphql", json={"query": query, "variables": variables}).json()

    def review(self, *comments: dict[str, Any], **body: Any) -> httpx.Response:
        """Post a review of pull request 1."""
        return self.post("/pulls/1/reviews", **{"event": "COMMENT", "body": "Seen.", "comments": comments, **body})


@pytest.fixture
def client(github: ValidatedGitHub, app_key: tuple[str, str]) -> Client:
    """The App with a token for everything that it was granted."""
    return Client(github, app_key[0]).enter()


@pytest.fixture
def pull(github: ValidatedGitHub) -> FakePull:
    """A pull request that changes lines 10 and 30 of a file of forty, adds one file and removes one."""
    changed = NUMBERS.replace("x10 = 10", "x10 = 'ten'").replace("x30 = 30", "x30 = 'thirty'")
    return github.open_pull(
        base_files={"a.py": NUMBERS, "gone.py": "gone = True\n"},
        head_files={"a.py": changed, "new.py": "new = True\n", "gone.py": None},
    )


def at(line: int, **more: Any) -> dict[str, Any]:
    """A comment on a line of `a.py`."""
    return {"path": "a.py", "line": line, "side": "RIGHT", "body": "Hm.", **more}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **amount: float) -> None:
        """Let time pass."""
        self.time += timedelta(**amount)


# --------------------------------------------------------------------------------------------------------- anchors


def test_a_comment_may_stand_on_added_and_on_context_lines(client: Client, pull: FakePull) -> None:
    """GitHub takes any line that a hunk shows: here lines 7 to 13 and 27 to 33."""
    posted = client.review(at(7), at(10), at(13), at(27), at(33))

    assert posted.status_code == 200
    assert [comment.line for comment in pull.comments] == [7, 10, 13, 27, 33]


@pytest.mark.parametrize("line", [1, 6, 14, 26, 34, 41, 0])
def test_a_comment_outside_of_the_hunks_is_refused(client: Client, pull: FakePull, line: int) -> None:
    """The error names neither the comment nor the path: that is how GitHub says it."""
    refused = client.review(at(line))

    assert refused.status_code == 422
    assert refused.json() == {
        "message": "Unprocessable Entity",
        "errors": [f"{LINE} and {HUNK}"],
        "documentation_url": "https://docs.github.com/rest",
        "status": "422",
    }
    assert pull.reviews == []


def test_one_bad_anchor_stops_the_whole_review(client: Client, pull: FakePull) -> None:
    """A review is posted whole or not at all."""
    refused = client.review(at(10), at(1), at(30))

    assert refused.status_code == 422
    assert (pull.reviews, pull.comments) == ([], [])


def test_the_left_side_counts_old_lines(client: Client, pull: FakePull) -> None:
    """A removed line is commented with its old number, on LEFT; a file that is gone has only that side."""
    posted = client.review(at(10, side="LEFT"), {"path": "gone.py", "line": 1, "side": "LEFT", "body": "Why?"})
    refused = client.review({"path": "gone.py", "line": 1, "side": "RIGHT", "body": "Why?"})

    assert posted.status_code == 200
    assert refused.status_code == 422
    assert pull.comments[0].diff_hunk.endswith("-x10 = 10")


@pytest.mark.parametrize(
    ("start", "line", "words"),
    [
        (10, 10, "Pull request review thread start line must precede the end line."),
        (11, 10, "Pull request review thread start line must precede the end line."),
        (10, 30, "Pull request review thread start line must be part of the same hunk as the line."),
        (2, 10, "Pull request review thread start line must be part of the same hunk as the line."),
    ],
)
def test_a_range_stays_in_one_hunk_and_in_order(
    client: Client, pull: FakePull, start: int, line: int, words: str
) -> None:
    """A start equal to the end is refused too: it must be left out then."""
    refused = client.review(at(line, start_line=start, start_side="RIGHT"))

    assert refused.json()["errors"] == [words]
    assert pull.comments == []


def test_a_range_within_a_hunk_is_taken(client: Client, pull: FakePull) -> None:
    """The way suggestions over several lines are posted."""
    client.review(at(12, start_line=9, start_side="RIGHT"))

    assert [(one.start_line, one.line, one.start_side) for one in pull.comments] == [(9, 12, "RIGHT")]


def test_a_path_that_is_not_in_the_diff_cannot_be_resolved(client: Client, pull: FakePull) -> None:
    """A file that exists, but that the pull request doesn't touch, takes no comment."""
    refused = client.review(at(1, path="README.md"))

    assert refused.json()["errors"] == ["Path could not be resolved"]
    assert pull.comments == []


def test_positions_are_still_understood(client: Client, pull: FakePull) -> None:
    """Older clients count lines of the diff instead of the file."""
    client.review({"path": "a.py", "position": 5, "body": "Here."})

    assert [(one.line, one.side, one.position) for one in pull.comments] == [(10, "RIGHT", 5)]


def test_a_single_comment_is_refused_with_error_objects(client: Client, pull: FakePull) -> None:
    """The endpoint for one comment words the same fault in another form than reviews."""
    refused = client.post("/pulls/1/comments", commit_id=pull.head_sha, **at(1))

    assert refused.json()["errors"] == [
        {
            "resource": "PullRequestReviewComment",
            "code": "custom",
            "field": "pull_request_review_thread.line",
            "message": LINE,
        }
    ]


def test_a_file_comment_needs_its_own_endpoint(client: Client, pull: FakePull) -> None:
    """`subject_type: file` is known to single comments only."""
    posted = client.post(
        "/pulls/1/comments", commit_id=pull.head_sha, path="a.py", subject_type="file", body="The whole file."
    )

    assert posted.status_code == 201
    assert [(one.subject_type, one.line) for one in pull.comments] == [("file", None)]


@settings(max_examples=60, deadline=None)
@given(
    old=st.lists(st.sampled_from("abcd"), max_size=30),
    new=st.lists(st.sampled_from("abcd"), max_size=30),
)
def test_every_line_that_a_hunk_shows_and_no_other_is_commentable(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str]
) -> None:
    """Whatever git writes as a patch, an anchor holds exactly where the patch shows the line."""
    folder = tmp_path_factory.mktemp("patch")
    for name, lines in (("old", old), ("new", new)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    done = subprocess.run(
        ["git", "diff", "--no-index", "--no-color", "old", "new"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    patch = done.stdout[done.stdout.find("@@") :] if "@@" in done.stdout else None
    shown = {row.right for hunk in hunks(patch) for row in hunk.rows if row.sign != "-"}
    held = {line for line in range(len(new) + 3) if not refusals(Anchor("a", line), patch)}

    assert held == shown
    assert all(row.text == new[row.right - 1] for hunk in hunks(patch) for row in hunk.rows if row.right)


# --------------------------------------------------------------------------------------------------------- reviews


def test_a_review_answers_200(client: Client, pull: FakePull) -> None:
    """Not 201, as one would think."""
    posted = client.review(at(10))

    assert posted.status_code == 200
    assert posted.json()["state"] == "COMMENTED"
    assert posted.json()["commit_id"] == pull.head_sha
    assert posted.json()["user"]["login"] == "postil[bot]"


def test_a_comment_review_needs_words(client: Client, pull: FakePull) -> None:
    """Comments alone don't make a review of the kind COMMENT."""
    refused = client.review(at(10), body="")

    assert refused.status_code == 422
    assert pull.reviews == []


def test_without_an_event_a_review_is_pending_and_blocks_others(client: Client, pull: FakePull) -> None:
    """Only one pending review per user; it stands in the way of submitted ones too, until it is deleted."""
    pending = client.post("/pulls/1/reviews", body="Not yet", comments=[at(10)]).json()
    blocked = client.review(at(10))
    deleted = client.ask("DELETE", f"{REPO}/pulls/1/reviews/{pending['id']}")
    posted = client.review(at(10))

    assert pending["state"] == "PENDING"
    assert blocked.json()["errors"] == ["User can only have one pending review per pull request"]
    assert (deleted.status_code, posted.status_code) == (200, 200)
    assert len(pull.comments) == 1


def test_a_pending_review_can_be_submitted(client: Client, pull: FakePull) -> None:
    """The two-step form."""
    pending = client.post("/pulls/1/reviews", body="Now", comments=[at(10)]).json()
    client.post(f"/pulls/1/reviews/{pending['id']}/events", event="COMMENT")

    assert [review.state for review in pull.reviews] == ["COMMENTED"]


@pytest.mark.parametrize(("event", "what"), [("APPROVE", "approve"), ("REQUEST_CHANGES", "request changes on")])
def test_nobody_judges_their_own_pull_request(client: Client, github: ValidatedGitHub, event: str, what: str) -> None:
    """Commenting on it is fine."""
    github.open_pull(head_files={"a.py": "a = 1\n"}, author="postil[bot]")
    refused = client.review(event=event)

    assert refused.json()["errors"] == [f"Can not {what} your own pull request"]
    assert client.review().status_code == 200


def test_a_body_has_65536_characters_at_most(client: Client, pull: FakePull) -> None:
    """Characters, not bytes: an umlaut counts once."""
    assert client.review(body="ü" * 65_536).status_code == 200
    assert "body is too long (maximum is 65536 characters)" in client.review(body="x" * 65_537).text
    assert "body is too long (maximum is 65536 characters)" in client.review(at(10, body="x" * 65_537)).text
    assert client.post("/issues/1/comments", body="x" * 65_537).json()["errors"][0]["field"] == "body"
    assert len(pull.reviews) == 1


def test_a_commit_that_was_forced_away_is_refused(client: Client, pull: FakePull) -> None:
    """An older commit of the pull request is fine; one that is no longer part of it is not."""
    first = pull.head_sha
    second = pull.push({"a.py": NUMBERS.replace("x10 = 10", "x10 = 'zehn'")})
    older = client.review(at(10), commit_id=first)
    forced = pull.push({"a.py": NUMBERS.replace("x20 = 20", "x20 = 'zwanzig'")}, force=True)

    assert older.status_code == 200
    assert client.review(commit_id=second).json()["errors"] == ["Commit oid is not part of the pull request"]
    assert client.review(at(20), commit_id=forced).status_code == 200


def test_a_forced_push_moves_the_commit_of_a_review(client: Client, pull: FakePull) -> None:
    """So `commit_id` does not tell what was reviewed; a mark in the body does."""
    client.review(at(10))
    first = pull.head_sha
    forced = pull.push({"a.py": NUMBERS.replace("x20 = 20", "x20 = 'zwanzig'")}, force=True)

    assert (pull.reviews[0].commit_id, pull.reviews[0].original_commit_id) == (forced, first)


def test_a_comment_moves_with_its_line_and_is_outdated_when_the_line_changes(client: Client, pull: FakePull) -> None:
    """A line inserted above moves the comment; an edit of the line itself makes it outdated."""
    client.review(at(10), at(30))
    changed = NUMBERS.replace("x10 = 10", "x10 = 'ten'").replace("x30 = 30", "x30 = 'DREISSIG'")
    pull.push({"a.py": f"first = True\n{changed}"})
    ten, thirty = pull.comments

    listed = client.get("/pulls/1/comments").json()

    assert [(one["line"], one["position"]) for one in listed] == [(11, 10), (None, None)]
    assert (ten.line, ten.is_outdated, ten.commit_id) == (11, False, pull.head_sha)
    assert (thirty.line, thirty.original_line, thirty.is_outdated) == (None, 30, True)


def test_a_reply_goes_below_the_first_comment_only(client: Client, pull: FakePull) -> None:
    """A reply has no replies of its own."""
    client.review(at(10))
    first = pull.comments[0]
    reply = client.post(f"/pulls/1/comments/{first.id}/replies", body="Because.")
    refused = client.post(f"/pulls/1/comments/{reply.json()['id']}/replies", body="And?")

    assert (reply.status_code, reply.json()["in_reply_to_id"]) == (201, first.id)
    assert refused.status_code == 422


def test_only_own_comments_can_be_changed(client: Client, pull: FakePull) -> None:
    """An installation edits and deletes what its bot wrote, nothing else."""
    client.review(at(10))
    own, theirs = pull.comments[0], pull.reply(pull.comments[0], "No.")

    assert client.patch(f"/pulls/comments/{own.id}", body="Better.").json()["body"] == "Better."
    assert client.patch(f"/pulls/comments/{theirs.id}", body="Better.").status_code == 403
    assert client.ask("DELETE", f"{REPO}/pulls/comments/{theirs.id}").status_code == 403
    assert client.ask("DELETE", f"{REPO}/pulls/comments/{own.id}").status_code == 204
    assert [comment.body for comment in pull.comments] == ["No."]


def test_the_two_apis_name_a_bot_differently(client: Client, pull: FakePull) -> None:
    """REST says `postil[bot]`, GraphQL `postil`."""
    client.review(at(10))
    query = """{repository(owner: "acme", name: "shop") {pullRequest(number: 1) {
        reviews(first: 1) {nodes {author {__typename login} viewerDidAuthor}}}}}"""
    nodes = client.query(query)["data"]["repository"]["pullRequest"]["reviews"]["nodes"]

    assert nodes == [{"author": {"__typename": "Bot", "login": "postil"}, "viewerDidAuthor": True}]
    assert client.get("/pulls/1/reviews").json()[0]["user"]["login"] == "postil[bot]"


# ------------------------------------------------------------------------------------------------ tokens and rights


def test_a_token_has_the_new_format(client: Client) -> None:
    """About 520 characters, with dots, dashes and underscores: nothing may count on forty."""
    token = client.mint().json()["token"]

    assert token.startswith("ghs_1_")
    assert 480 < len(token) < 560
    assert token.count(".") == 2


def test_a_token_ends_after_an_hour(git_folder: Path, app_key: tuple[str, str]) -> None:
    """To the second, by the stand-in's clock."""
    clock = Clock()
    fake = ValidatedGitHub(git_folder, public_key=app_key[1], clock=clock)
    client = Client(fake, app_key[0]).enter()
    clock.forward(minutes=59, seconds=59)
    before = client.get("")
    clock.forward(seconds=1)
    after = client.get("")

    assert before.status_code == 200
    assert (after.status_code, after.json()["message"]) == (401, "Bad credentials")
    assert fake.complaints == []


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "2"}, "Integration not found"),
        (
            {"exp": int(time.time()) - 10},
            "'Expiration time' claim ('exp') must be a numeric value representing the future",
        ),
        ({"exp": int(time.time()) + 3600}, "'Expiration time' claim ('exp') is too far in the future"),
    ],
)
def test_a_wrong_jwt_is_refused(client: Client, claims: dict[str, Any], words: str) -> None:
    """Of another App, too old, or for more than ten minutes."""
    refused = client.ask("GET", "/app", headers={"authorization": f"Bearer {client.jwt(**claims)}"})

    assert (refused.status_code, refused.json()["message"]) == (401, words)


def test_a_jwt_of_another_key_is_refused(client: Client, app_key: tuple[str, str]) -> None:
    """The signature counts."""
    head, claims, _ = client.jwt().split(".")
    forged = f"{head}.{claims}.{base64.urlsafe_b64encode(b'x' * 256).decode().rstrip('=')}"
    refused = client.ask("GET", "/app", headers={"authorization": f"Bearer {forged}"})

    assert (refused.status_code, refused.json()["message"]) == (401, "A JSON web token could not be decoded")


def test_a_token_for_one_repository_does_not_see_another(client: Client, github: ValidatedGitHub) -> None:
    """404, as for a repository that does not exist; the same in GraphQL."""
    other = github.add_repository("other")
    foreign = github.add_repository("secret", installed=False)
    client.enter(repository_ids=[other.id])
    seen = client.query('{repository(owner: "acme", name: "shop") {id}}')

    assert client.ask("GET", "/repos/acme/other").status_code == 200
    assert client.get("").status_code == 404
    assert seen["errors"][0]["type"] == "NOT_FOUND"
    assert client.mint(repository_ids=[foreign.id]).status_code == 422


def test_a_token_has_only_the_permissions_it_asked_for(client: Client, pull: FakePull) -> None:
    """The answer names what would have been needed, in a header."""
    client.enter(permissions={"pull_requests": "read"})
    refused = client.review(at(10))

    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert refused.headers["x-accepted-github-permissions"] == "pull_requests=write"
    assert client.get("/pulls/1").status_code == 200
    assert client.mint(permissions={"administration": "write"}).status_code == 422


def test_a_suspended_or_removed_installation_has_no_tokens(client: Client, github: ValidatedGitHub) -> None:
    """403 while suspended, 404 once it is gone; tokens that exist stop working."""
    github.installation.suspended = True
    suspended = client.mint(), client.get("")
    github.installation.suspended, github.installation.removed = False, True

    assert [one.status_code for one in suspended] == [403, 403]
    assert client.mint().status_code == 404
    assert client.get("").status_code == 401


def test_resolving_a_thread_needs_contents_write(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """`pull_requests: write` alone is FORBIDDEN, with status 200."""
    client.review(at(10))
    thread = next(iter(pull.threads.values()))
    resolve = "mutation($id: ID!) {resolveReviewThread(input: {threadId: $id}) {thread {isResolved}}}"
    refused = client.query(resolve, id=thread.node_id)
    github.grant(contents="write")
    done = client.enter().query(resolve, id=thread.node_id)

    assert refused["data"] == {"resolveReviewThread": None}
    assert [(one["type"], one["message"]) for one in refused["errors"]] == [
        ("FORBIDDEN", "Resource not accessible by integration")
    ]
    assert done["data"]["resolveReviewThread"]["thread"]["isResolved"] is True


def test_a_comment_can_be_minimized(client: Client, pull: FakePull) -> None:
    """What is left where a thread may not be resolved."""
    client.review(at(10))
    minimize = """mutation($id: ID!) {minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) {
        minimizedComment {isMinimized minimizedReason}}}"""
    done = client.query(minimize, id=pull.comments[0].node_id)

    assert done["data"]["minimizeComment"]["minimizedComment"] == {"isMinimized": True, "minimizedReason": "outdated"}


def test_reactions_need_different_permissions(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """A line comment: pull_requests; a comment of the conversation: issues, on a pull request too. Twice is once."""
    client.review(at(10))
    line, talk = (
        f"/pulls/comments/{pull.comments[0].id}/reactions",
        f"/issues/comments/{pull.comment('Hi').id}/reactions",
    )
    statuses = [client.post(path, content="eyes").status_code for path in (line, line, talk)]
    github.grant(issues="write")
    client.enter()
    statuses.append(client.post(talk, content="eyes").status_code)

    assert statuses == [201, 200, 403, 201]
    assert [reaction.content for reaction in pull.issue_comments[0].reactions] == ["eyes"]


@pytest.mark.parametrize(
    ("role", "permission"),
    [("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"), ("read", "read")],
)
def test_roles_are_told_as_permissions(client: Client, github: ValidatedGitHub, role: str, permission: str) -> None:
    """`permission` knows four words only; `role_name` has the role."""
    github.collaborator("grace", role)
    answer = client.get("/collaborators/grace/permission").json()

    assert (answer["permission"], answer["role_name"]) == (permission, role)
    assert client.get("/collaborators/nobody/permission").status_code == 404


# ---------------------------------------------------------------------------------------------- files and contents


def test_files_come_in_pages_with_links(client: Client, github: ValidatedGitHub) -> None:
    """30 by default, 100 at most; the last page has no `next`."""
    github.open_pull(head_files={f"f{number:03}.py": "x = 1\n" for number in range(130)})
    first = client.get("/pulls/1/files?per_page=100")
    second = client.ask("GET", first.links["next"]["url"])

    assert (len(first.json()), len(second.json())) == (100, 30)
    assert first.links["last"]["url"].endswith("?per_page=100&page=2")
    assert "next" not in second.links
    assert len(client.get("/pulls/1/files").json()) == 30
    assert len(client.get("/pulls/1/files?per_page=500").json()) == 100


def test_a_patch_is_left_out_where_github_leaves_it_out(client: Client, github: ValidatedGitHub) -> None:
    """Binary files, mere renames, and files with very many changed lines have no patch."""
    long = "".join(f"line {number}\n" for number in range(2_001))
    github.open_pull(
        base_files={"old name.py": NUMBERS},
        head_files={"old name.py": None, "new name.py": NUMBERS, "data.bin": b"\0\1\2", "long.py": long, "a.py": "a\n"},
    )
    files = {one["filename"]: one for one in client.get("/pulls/1/files").json()}

    assert {name: "patch" in one for name, one in files.items()} == {
        "a.py": True, "data.bin": False, "long.py": False, "new name.py": False,
    }  # fmt: skip
    assert (files["new name.py"]["status"], files["new name.py"]["previous_filename"]) == ("renamed", "old name.py")
    assert files["long.py"]["changes"] == 2_001


def test_a_list_of_files_ends_at_3000(client: Client, github: ValidatedGitHub) -> None:
    """However many there are."""
    github.open_pull(head_files={f"f{number}.py": "x\n" for number in range(3_010)})

    assert len(client.get("/pulls/1/files?per_page=100&page=30").json()) == 100
    assert client.get("/pulls/1/files?per_page=100&page=31").json() == []
    assert client.get("/pulls/1").json()["changed_files"] == 3_010


def test_a_diff_of_more_than_300_files_is_refused(client: Client, github: ValidatedGitHub) -> None:
    """406, and the same files can be listed."""
    github.open_pull(head_files={f"f{number}.py": "x\n" for number in range(301)})
    refused = client.get("/pulls/1", headers={"accept": "application/vnd.github.diff"})

    assert refused.status_code == 406
    assert refused.json()["message"] == "Sorry, the diff exceeded the maximum number of files (300)."


def test_patches_are_gits_own(client: Client, pull: FakePull) -> None:
    """Whatever the patch says is what `git diff` of merge base and head says."""
    patch = client.get("/pulls/1/files").json()[0]["patch"]

    assert patch == snapshot("""\
@@ -7,7 +7,7 @@ x6 = 6
 x7 = 7
 x8 = 8
 x9 = 9
-x10 = 10
+x10 = 'ten'
 x11 = 11
 x12 = 12
 x13 = 13
@@ -27,7 +27,7 @@ x26 = 26
 x27 = 27
 x28 = 28
 x29 = 29
-x30 = 30
+x30 = 'thirty'
 x31 = 31
 x32 = 32
 x33 = 33\
""")
    assert client.get("/pulls/1", headers={"accept": "application/vnd.github.v3.diff"}).text.count("@@ -") == 4


@pytest.mark.parametrize(
    "name", ["src/a#b.py", "src/a?b.py", "src/100%.py", 'src/"quoted".py', "src/ä ö.py", "src/a\tb.py"]
)
def test_any_path_is_kept(client: Client, github: ValidatedGitHub, name: str) -> None:
    """In the list of files, in contents and in expressions."""
    github.open_pull(base_files={name: "old = 1\n"}, head_files={name: "new = 1\n"})
    listed = client.get("/pulls/1/files").json()[0]
    content = client.get(f"/contents/{quote(name)}?ref=main").json()
    query = 'query($e: String!) {repository(owner: "acme", name: "shop") {object(expression: $e) {... on Blob {text}}}}'
    text = client.query(query, e=f"main:{name}")["data"]["repository"]["object"]["text"]

    assert (listed["filename"], listed["status"]) == (name, "modified")
    assert base64.b64decode(content["content"]) == b"old = 1\n"
    assert text == "old = 1\n"


def test_blobs_come_as_json_and_raw(client: Client, pull: FakePull) -> None:
    """Raw saves a third."""
    sha = client.get("/pulls/1/files").json()[0]["sha"]
    raw = client.get(f"/git/blobs/{sha}", headers={"accept": "application/vnd.github.raw+json"})
    whole = client.get(f"/git/blobs/{sha}").json()

    assert raw.content == base64.b64decode(whole["content"])
    assert b"x10 = 'ten'" in raw.content
    assert client.get(f"/git/blobs/{'0' * 40}").status_code == 404


def test_a_large_file_has_no_content_in_json(client: Client, github: ValidatedGitHub) -> None:
    """Over 1 MB only the raw media type gives it."""
    github.commit({"big.txt": "x" * 1_000_001})
    shape = client.get("/contents/big.txt").json()
    raw = client.get("/contents/big.txt", headers={"accept": "application/vnd.github.raw+json"})

    assert (shape["content"], shape["encoding"], shape["size"]) == ("", "none", 1_000_001)
    assert len(raw.content) == 1_000_001


def test_graphql_cuts_long_text_and_has_none_for_binary(client: Client, github: ValidatedGitHub) -> None:
    """`isTruncated` tells; the rest must be read by REST."""
    github.commit({"big.py": "x" * 600_000, "data.bin": b"\0\1"})
    query = """{repository(owner: "acme", name: "shop") {
        big: object(expression: "main:big.py") {... on Blob {isTruncated byteSize text}}
        data: object(expression: "main:data.bin") {... on Blob {isBinary text}}
        none: object(expression: "main:nothing.py") {oid}}}"""
    found = client.query(query)["data"]["repository"]

    assert (found["big"]["isTruncated"], found["big"]["byteSize"], len(found["big"]["text"])) == (
        True,
        600_000,
        512_000,
    )
    assert found["data"] == {"isBinary": True, "text": None}
    assert found["none"] is None


def test_comparing_tells_the_merge_base(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """`base.sha` of a pull request is the tip of its base branch, which may have moved on; files are on page 1 only."""
    shared = pull.base_sha
    github.commit({"later.py": "later = True\n"})
    whole = client.get(f"/compare/main...{pull.head_sha}").json()
    second = client.get(f"/compare/main...{pull.head_sha}?page=2").json()

    assert client.get("/pulls/1").json()["base"]["sha"] != shared
    assert whole["merge_base_commit"]["sha"] == shared
    assert whole["status"] == "diverged"
    assert [file["filename"] for file in whole["files"]] == ["a.py", "gone.py", "new.py"]
    assert "files" not in second


# ----------------------------------------------------------------------------------------------------- check runs


def test_annotations_are_added_fifty_at_a_time(client: Client, pull: FakePull) -> None:
    """51 are refused; each update adds to those before."""
    note = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "Hm."}
    output = {"title": "t", "summary": "s"}
    run = client.post("/check-runs", name="postil", head_sha=pull.head_sha, status="in_progress").json()
    path = f"/check-runs/{run['id']}"
    too_many = client.patch(path, output={**output, "annotations": [note] * 51})
    for _ in range(2):
        client.patch(path, output={**output, "annotations": [note] * 50})

    assert "No more than 50 items are allowed; 51 were supplied." in too_many.json()["message"]
    assert client.get(path).json()["output"]["annotations_count"] == 100
    assert len(pull.check_runs[0].annotations) == 100


def test_a_completed_check_run_needs_a_conclusion_and_a_conclusion_completes_it(client: Client, pull: FakePull) -> None:
    """Either way round."""
    refused = client.post("/check-runs", name="postil", head_sha=pull.head_sha, status="completed")
    done = client.post("/check-runs", name="postil", head_sha=pull.head_sha, conclusion="neutral")

    assert refused.status_code == 422
    assert (done.json()["status"], done.json()["conclusion"]) == ("completed", "neutral")


def test_a_summary_has_65535_bytes_at_most(client: Client, pull: FakePull) -> None:
    """Bytes here, where bodies of reviews count characters."""

    def post(summary: str) -> httpx.Response:
        return client.post(
            "/check-runs", name="postil", head_sha=pull.head_sha, output={"title": "t", "summary": summary}
        )

    assert post("x" * 65_535).status_code == 201
    assert "Only 65535 characters are allowed; 65536 were supplied." in post("x" * 65_536).json()["message"]
    assert "exceeds a maximum bytesize of 65535" in post("ü" * 40_000).text


def test_a_check_run_needs_a_commit_that_exists(client: Client, pull: FakePull) -> None:
    """A forced push may take it away."""
    refused = client.post("/check-runs", name="postil", head_sha="1" * 40)

    assert refused.json()["message"] == f"No commit found for SHA: {'1' * 40}"


def test_check_runs_of_forks_name_no_pull_requests(client: Client, github: ValidatedGitHub) -> None:
    """So a run must carry what it belongs to in `external_id`."""
    inside = github.open_pull(head_files={"a.py": "a = 1\n"})
    outside = github.open_pull(head_files={"b.py": "b = 1\n"}, fork=True)
    runs = [
        client.post("/check-runs", name="postil", head_sha=one.head_sha, external_id="x").json()
        for one in (inside, outside)
    ]

    assert [len(run["pull_requests"]) for run in runs] == [1, 0]
    assert github.delivery("check_suite", "rerequested", pull=outside).payload["check_suite"]["head_branch"] is None


# --------------------------------------------------------------------------------------------------- limits, faults


def test_the_hourly_limit_ends_in_403_with_the_time_to_come_back(git_folder: Path, app_key: tuple[str, str]) -> None:
    """And the next hour begins anew."""
    clock = Clock()
    fake = ValidatedGitHub(git_folder, public_key=app_key[1], clock=clock, limits=Limits(requests_per_hour=2))
    client = Client(fake, app_key[0]).enter()
    left = [client.get("").headers["x-ratelimit-remaining"] for _ in range(2)]
    refused = client.get("")
    clock.forward(hours=1)

    assert left == ["1", "0"]
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert int(refused.headers["x-ratelimit-reset"]) == int(clock().timestamp())
    assert client.enter().get("").status_code == 200
    assert fake.complaints == []


def test_too_much_writing_meets_the_secondary_limit(git_folder: Path, app_key: tuple[str, str]) -> None:
    """80 writes a minute, all kinds together."""
    clock = Clock()
    fake = ValidatedGitHub(git_folder, public_key=app_key[1], clock=clock)
    fake.open_pull(head_files={"a.py": "a = 1\n"})
    client = Client(fake, app_key[0]).enter()
    statuses = {client.post("/issues/1/comments", body="Again.").status_code for _ in range(80)}
    refused = client.post("/issues/1/comments", body="Again.")
    clock.forward(seconds=61)

    assert statuses == {201}
    assert (refused.status_code, refused.headers["retry-after"]) == (403, "60")
    assert "secondary rate limit" in refused.json()["message"]
    assert client.post("/issues/1/comments", body="Again.").status_code == 201
    assert fake.complaints == []


def test_an_unchanged_answer_costs_nothing_to_ask_again(client: Client) -> None:
    """304 for the same ETag."""
    first = client.get("")
    again = client.get("", headers={"if-none-match": first.headers["etag"]})
    left = client.ask("GET", "/rate_limit").json()["resources"]["core"]["remaining"]

    assert (again.status_code, again.content) == (304, b"")
    assert left == int(first.headers["x-ratelimit-remaining"])


def test_a_502_may_come_after_the_work(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """The one fault that makes careless clients post twice."""
    github.misbehave("POST", r"/pulls/1/reviews$", faults.BAD_GATEWAY_AFTER_THE_WORK)
    failed = client.review(at(10))

    assert failed.status_code == 502
    assert len(pull.reviews) == 1
    assert client.get("/pulls/1/reviews").json()[0]["body"] == "Seen."


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.BAD_GATEWAY, 502),
        (faults.GATEWAY_TIMEOUT, 504),
        (faults.SECONDARY_LIMIT, 403),
        (faults.secondary_limit(7), 403),
        (faults.too_many_requests(), 429),
        (faults.primary_limit(1_900_000_000), 403),
        (faults.ABUSE, 422),
        (faults.BAD_CREDENTIALS, 401),
    ],
)
def test_a_fault_before_the_work_does_nothing(
    client: Client, github: ValidatedGitHub, pull: FakePull, fault: faults.Fault, status: int
) -> None:
    """And it strikes as often as it was told, after as many as it was told to let pass."""
    github.misbehave("POST", r"/reviews$", fault, times=2, skip=1)
    statuses = [client.review(at(10)).status_code for _ in range(4)]

    assert statuses == [200, status, status, 200]
    assert len(pull.reviews) == 2


def test_a_broken_connection_is_a_transport_error(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """Before the work or after it: the client sees the same."""
    github.misbehave("POST", "/reviews$", faults.CONNECTION_RESET)
    github.misbehave("POST", "/reviews$", faults.CONNECTION_RESET_AFTER_THE_WORK)
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            client.review(at(10))

    assert len(pull.reviews) == 1


def test_a_slow_answer_is_the_true_one(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """Whoever waits gets it; how long that takes is up to the test."""
    github.misbehave("GET", "/files$", faults.slow(0.01))

    assert len(client.get("/pulls/1/files").json()) == 3


def test_graphql_fails_with_status_200(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """A limit has no data; a partial answer has some, and errors for the rest."""
    query = """{repository(owner: "acme", name: "shop") {
        f0: object(expression: "main:a.py") {oid} f1: object(expression: "main:gone.py") {oid}}}"""
    github.misbehave("POST", "/graphql", faults.GRAPHQL_RATE_LIMITED)
    github.misbehave("POST", "/graphql", faults.GRAPHQL_PARTIAL)
    limited, partial = client.query(query), client.query(query)

    assert limited["errors"][0]["type"] == "RATE_LIMITED"
    assert "data" not in limited
    assert partial["data"]["repository"]["f0"] is not None
    assert partial["data"]["repository"]["f1"] is None
    assert [error["path"] for error in partial["errors"]] == [["repository", "f1"]]


def test_a_renamed_repository_redirects(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """301 to a permanent address for reading, 307 for writing; GraphQL follows by itself."""
    github.rename("store")
    moved, kept = client.get("/pulls/1"), client.post("/issues/1/comments", body="Hi")
    followed = client.ask("GET", moved.headers["location"])

    assert (moved.status_code, kept.status_code) == (301, 307)
    assert followed.json()["base"]["repo"]["full_name"] == "acme/store"
    assert client.query('{repository(owner: "acme", name: "shop") {name}}')["data"]["repository"]["name"] == "store"


def test_an_unknown_route_is_loud(client: Client, github: ValidatedGitHub) -> None:
    """501 and a complaint, which fails any test that does not expect it."""
    answer = client.get("/stargazers")

    assert answer.status_code == 501
    assert github.complaints == ["no such route: GET /repos/acme/shop/stargazers"]
    github.expect("stargazers")


def test_a_wrong_graphql_query_is_loud(client: Client, github: ValidatedGitHub) -> None:
    """A field that GitHub's schema does not have is found by GitHub's schema."""
    answer = client.query('{repository(owner: "acme", name: "shop") {isResolvd}}')

    assert "Cannot query field 'isResolvd'" in answer["errors"][0]["message"]
    assert len(github.complaints) == 1
    github.expect("isResolvd")


def test_a_connection_wants_a_length_of_at_most_100(client: Client, pull: FakePull) -> None:
    """Without `first` or `last`, or with more, there is no answer."""
    query = '{repository(owner: "acme", name: "shop") {pullRequest(number: 1) {reviewThreads%s {totalCount}}}}'
    errors = [client.query(query % length)["errors"][0]["type"] for length in ("", "(first: 101)")]

    assert errors == ["MISSING_PAGINATION_BOUNDARIES", "EXCESSIVE_PAGINATION"]


def test_an_api_version_that_is_not_known_is_refused(client: Client) -> None:
    """As an older GHES does with a newer version."""
    assert client.get("", headers={"x-github-api-version": "2030-01-01"}).status_code == 400
    assert client.get("", headers={"x-github-api-version": "2022-11-28"}).status_code == 200


def test_the_addresses_of_ghes_work_too(client: Client, pull: FakePull) -> None:
    """REST below /api/v3, GraphQL at /api/graphql, and links to pages that stay below."""
    files = client.ask("GET", f"/api/v3{REPO}/pulls/1/files?per_page=1")
    found = client.ask("POST", "/api/graphql", json={"query": "{viewer {login}}"})

    assert files.links["next"]["url"] == f"http://github.test/api/v3{REPO}/pulls/1/files?per_page=1&page=2"
    assert found.json()["data"]["viewer"]["login"] == "postil"


def test_calls_are_counted(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """So that a test can say how many a review costs, tokens aside."""
    client.get("/pulls/1")
    client.review(at(10))

    assert [str(call) for call in github.calls_without_tokens] == [
        "GET /repos/acme/shop/pulls/1 200",
        "POST /repos/acme/shop/pulls/1/reviews 200",
    ]


# -------------------------------------------------------------------------------------------------------- webhooks


def test_a_signature_is_the_documented_one() -> None:
    """The test vector of GitHub's documentation."""
    assert (
        signature("It's a Secret to Everybody", b"Hello, World!")
        == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


def test_deliveries_have_what_github_sends(github: ValidatedGitHub, client: Client, pull: FakePull) -> None:
    """Every field that GitHub's own examples of an event have in common is in ours."""
    client.review(at(10))
    run = client.post("/check-runs", name="postil", head_sha=pull.head_sha, conclusion="neutral").json()
    first = pull.head_sha
    pull.push({"b.py": "b = 1\n"})
    talk = pull.comment("/recheck", by="grace")
    pull.enqueue()
    built = [
        github.delivery("pull_request", "opened", pull=pull),
        github.delivery("pull_request", "synchronize", pull=pull),
        github.delivery("issue_comment", "created", comment=talk),
        github.delivery("pull_request_review_comment", "created", comment=pull.comments[0]),
        github.delivery("check_run", "rerequested", pull=pull),
        github.delivery("check_suite", "rerequested", pull=pull),
        github.delivery("pull_request_review", "submitted", review=pull.review("Nearly.", by="ada")),
        github.delivery("merge_group", "checks_requested", pull=pull),
        github.delivery("installation", "created"),
        github.delivery("installation_repositories", "added"),
        github.delivery("ping"),
    ]

    assert run["id"] == built[4].payload["check_run"]["id"]
    assert (built[1].payload["before"], built[1].payload["after"]) == (first, pull.head_sha)
    assert "pull_request" in built[2].payload["issue"]
    for delivery in built:
        examples = [
            example
            for example in webhook_examples()[delivery.event]
            if example.get("action") == delivery.payload.get("action")
        ]
        wanted = set.intersection(*(set(example) for example in examples or webhook_examples()[delivery.event]))
        assert wanted - {"organization", "repository", "sender"} <= set(delivery.payload)
        if delivery.event not in ("installation", "installation_repositories", "ping"):
            assert delivery.payload["installation"]["id"] == github.installation.id
            assert delivery.payload["repository"]["id"] == github.repository.id


def test_an_event_tells_when_the_pull_request_last_changed(git_folder: Path) -> None:
    """Deliveries arrive in any order; `updated_at` tells which is the newest, to the second."""
    clock = Clock()
    fake = FakeGitHub(git_folder, clock=clock)
    pull = fake.open_pull(head_files={"a.py": "a = 1\n"})
    opened = fake.delivery("pull_request", "opened", pull=pull)
    clock.forward(seconds=90)
    pull.push({"a.py": "a = 2\n"})
    pushed = fake.delivery("pull_request", "synchronize", pull=pull)

    assert opened.payload["pull_request"]["updated_at"] == "2026-05-01T12:00:00Z"
    assert pushed.payload["pull_request"]["updated_at"] == "2026-05-01T12:01:30Z"


def test_a_redelivery_keeps_its_id(github: ValidatedGitHub, pull: FakePull) -> None:
    """The same object is sent twice; another delivery has another id."""
    one, other = (github.delivery("pull_request", "opened", pull=pull) for _ in range(2))

    assert one.guid != other.guid
    assert one.headers["X-Hub-Signature-256"] == signature("It's a Secret to Everybody", one.body)


async def receiver(scope: Any, receive: Any, send: Any) -> None:
    """A webhook receiver that accepts everything but pings."""
    message = await receive()
    status = 500 if b'"zen"' in message["body"] else 202
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def test_failed_deliveries_can_be_found_and_sent_again(git_folder: Path, app_key: tuple[str, str]) -> None:
    """GitHub never sends again by itself; an App looks through the log and asks for it."""
    webhook = Webhook("http://bot.test/webhooks/github", transport=httpx.ASGITransport(app=receiver))
    fake = ValidatedGitHub(git_folder, public_key=app_key[1], webhook=webhook)
    pull = fake.open_pull(head_files={"a.py": "a = 1\n"})
    client = Client(fake, app_key[0])
    proof = {"authorization": f"Bearer {client.jwt()}"}
    sent = [
        asyncio.run(fake.deliver(one))
        for one in (fake.delivery("pull_request", "opened", pull=pull), fake.delivery("ping"))
    ]
    listed = client.ask("GET", "/app/hook/deliveries?per_page=100", headers=proof).json()
    failed = client.ask("GET", "/app/hook/deliveries?status=failure", headers=proof).json()
    again = client.ask("POST", f"/app/hook/deliveries/{failed[0]['id']}/attempts", headers=proof)
    whole = client.ask("GET", f"/app/hook/deliveries/{listed[1]['id']}", headers=proof).json()
    after = client.ask("GET", "/app/hook/deliveries", headers=proof).json()

    assert sent == [202, 500]
    assert [(one["event"], one["status_code"]) for one in listed] == [("ping", 500), ("pull_request", 202)]
    assert [one["event"] for one in failed] == ["ping"]
    assert again.status_code == 202
    assert whole["request"]["payload"]["number"] == 1
    assert [(one["guid"], one["redelivery"]) for one in after[:2]] == [
        (failed[0]["guid"], True),
        (failed[0]["guid"], False),
    ]
    assert fake.complaints == []


def test_a_new_base_changes_the_diff(client: Client, github: ValidatedGitHub, pull: FakePull) -> None:
    """The event tells what the base was."""
    old = pull.base_sha
    github.commit({"a.py": NUMBERS.replace("x30 = 30", "x30 = 'thirty'")}, branch="main")
    github.repository.history.set_ref("refs/heads/release", old)
    changes = pull.retarget("release")
    payload = github.delivery("pull_request", "edited", pull=pull, changes=changes).payload

    assert payload["changes"]["base"]["ref"] == {"from": "main"}
    assert payload["pull_request"]["base"]["ref"] == "release"
    assert client.get("/pulls/1/files").json()[0]["changes"] == 4


# ------------------------------------------------------------------------------------------------- set-up, real HTTP


MANIFEST = {
    "name": "Our Postil", "url": "http://bot.test", "redirect_url": "http://bot.test/setup/callback",
    "hook_attributes": {"url": "http://bot.test/webhooks/github"},
    "default_permissions": {"checks": "write", "pull_requests": "write"}, "default_events": ["pull_request"],
}  # fmt: skip


def agreed(client: Client, manifest: dict[str, Any]) -> httpx.URL:
    """Where the browser is led once the owner agreed to a manifest."""
    asked = client.ask("POST", "/settings/apps/new?state=s1", data={"manifest": json.dumps(manifest)})
    draft = re.search(r'name="draft" value="(\w+)"', asked.text)
    assert draft, asked.text
    back = client.ask("POST", "/settings/apps", data={"draft": draft[1], "state": "s1", "name": manifest["name"]})
    assert back.status_code == 302
    return httpx.URL(back.headers["location"])


def test_an_app_is_made_from_a_manifest(github: ValidatedGitHub, app_key: tuple[str, str]) -> None:
    """The browser posts the manifest, its owner agrees, and it comes back with a code that is good for one exchange."""
    client = Client(github, app_key[0])
    back = agreed(client, MANIFEST)
    made = client.ask("POST", f"/app-manifests/{back.params['code']}/conversions")
    again = client.ask("POST", f"/app-manifests/{back.params['code']}/conversions")

    assert (back.host, back.params["state"]) == ("bot.test", "s1")
    assert made.status_code == 201
    assert made.json()["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert (made.json()["slug"], made.json()["events"]) == ("our-postil", ["pull_request"])
    assert made.json()["webhook_secret"] == github.webhook.secret
    assert again.status_code == 404


def test_a_manifest_s_code_is_good_for_an_hour(git_folder: Path, app_key: tuple[str, str]) -> None:
    """As GitHub's documentation says."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    github = ValidatedGitHub(git_folder, clock=lambda: now)
    client = Client(github, app_key[0])
    back = agreed(client, MANIFEST)
    now += timedelta(minutes=61)
    late = client.ask("POST", f"/app-manifests/{back.params['code']}/conversions")

    assert late.status_code == 404


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"url": ""}, "wasn&#39;t supplied."),
        ({"name": "A name that is longer than GitHub allows"}, "Name is too long"),
        ({"hook_attributes": {"url": "http://localhost/hook"}}, "reachable over the public Internet"),
        ({"default_permissions": {"everything": "write"}}, "is not included in the list: everything"),
        ({"default_events": ["merge_group"]}, "Default events unsupported: merge_group"),
    ],
)
def test_a_manifest_that_github_would_refuse_is_refused(
    github: ValidatedGitHub, app_key: tuple[str, str], change: dict[str, Any], fault: str
) -> None:
    """A stand-in that takes everything proves nothing about what we send."""
    github.reaches_loopback = False
    sent = Client(github, app_key[0]).ask(
        "POST", "/settings/apps/new", data={"manifest": json.dumps(MANIFEST | change)}
    )

    assert sent.status_code == 422
    assert fault in sent.text


def test_it_works_over_real_http(github_url: str, github: ValidatedGitHub, app_key: tuple[str, str]) -> None:
    """The same stand-in on loopback, and a connection that really breaks."""
    github.open_pull(head_files={"a.py": "a = 1\n"})
    proof = Client(github, app_key[0]).jwt()
    github.misbehave("GET", "/files", faults.CONNECTION_RESET)
    with httpx.Client(base_url=github_url, timeout=30) as client:
        path = f"/app/installations/{github.installation.id}/access_tokens"
        token = client.post(path, headers={"authorization": f"Bearer {proof}"}).json()["token"]
        client.headers["authorization"] = f"token {token}"
        with pytest.raises(httpx.TransportError):
            client.get(f"{REPO}/pulls/1/files")
        files = client.get(f"{REPO}/pulls/1/files").json()

    assert [file["filename"] for file in files] == ["a.py"]


def test_a_fork_is_told_and_may_be_gone(client: Client, github: ValidatedGitHub) -> None:
    """Everything is read through the base repository; the head's is null once the fork was deleted."""
    pull = github.open_pull(head_files={"a.py": "a = 1\n"}, author="grace", fork=True)
    there = client.get("/pulls/1").json()
    pull.fork_gone = True
    gone = client.get("/pulls/1").json()

    assert (there["head"]["label"], there["head"]["repo"]["full_name"]) == ("grace:change-1", "grace/shop")
    assert gone["head"]["repo"] is None
    assert client.get("/pulls/1/files").json()[0]["filename"] == "a.py"


def test_githubs_python_client_understands_the_answers(github: ValidatedGitHub, app_key: tuple[str, str]) -> None:
    """Its models are made of GitHub's description and strict: a missing or odd field is an error."""
    pull = github.open_pull(base_files={"a.py": NUMBERS}, head_files={"a.py": NUMBERS + "y = 1\n"})

    async def work() -> list[Any]:
        client = GitHubClient(
            AppAuthStrategy("1", app_key[0]).as_installation(github.installation.id),
            base_url="http://github.test",
            async_transport=httpx.ASGITransport(app=github),
            http_cache=False,
            auto_retry=False,
        )
        async with client:
            rest = client.rest
            note: Any = {"path": "a.py", "line": 41, "side": "RIGHT", "body": "Hm."}
            answers = [
                await rest.pulls.async_get("acme", "shop", pull_number=1),
                await rest.pulls.async_list_files("acme", "shop", pull_number=1),
                await rest.pulls.async_create_review(
                    "acme", "shop", pull_number=1, data={"event": "COMMENT", "body": "Seen.", "comments": [note]}
                ),
                await rest.pulls.async_list_review_comments("acme", "shop", pull_number=1),
                await rest.checks.async_create("acme", "shop", data={"name": "postil", "head_sha": pull.head_sha}),
                await rest.issues.async_create_comment("acme", "shop", issue_number=1, data={"body": "Hi"}),
                await rest.repos.async_compare_commits("acme", "shop", basehead=f"main...{pull.head_sha}"),
                await rest.repos.async_get_collaborator_permission_level("acme", "shop", username="ada"),
                await rest.git.async_get_tree("acme", "shop", tree_sha="main"),
            ]
            return [answer.parsed_data for answer in answers]

    parsed = asyncio.run(work())

    assert parsed[0].head.sha == pull.head_sha
    assert [file.filename for file in parsed[1]] == ["a.py"]
    assert parsed[3][0].line == 41


# ------------------------------------------------------------------------------------------- the schema and history


def test_vendored_files_are_as_they_were_made() -> None:
    """Nobody edits them by hand: `scripts/refresh_vendor.py` makes them, with their checksums."""
    record = json.loads((VENDOR / "versions.json").read_text())

    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in record} == {
        name: about["sha256"] for name, about in record.items()
    }
    assert {about["licence"] for about in record.values()} == {"MIT"}


def test_the_own_schema_is_a_part_of_githubs() -> None:
    """Same names, same types, same arguments; an enum has all of its values, for they are answers to switch on."""
    whole = github_schema().type_map
    for name, own in own_schema().type_map.items():
        if name.startswith("__"):
            continue
        theirs = whole[name]
        assert type(theirs) is type(own), name
        if isinstance(own, GraphQLEnumType) and isinstance(theirs, GraphQLEnumType):
            assert set(own.values) == set(theirs.values), name
        if isinstance(own, GraphQLInputObjectType) and isinstance(theirs, GraphQLInputObjectType):
            assert {field: str(one.type) for field, one in own.fields.items()} == {
                field: str(one.type) for field, one in theirs.fields.items()
            }, name
        if isinstance(own, GraphQLObjectType | GraphQLInterfaceType) and isinstance(theirs, type(own)):
            for field_name, one in own.fields.items():
                assert str(one.type) == str(theirs.fields[field_name].type), f"{name}.{field_name}"
                for argument, value in one.args.items():
                    assert str(value.type) == str(theirs.fields[field_name].args[argument].type), argument


def test_the_same_story_has_the_same_commits(tmp_path: Path) -> None:
    """Names and dates of commits don't come from the machine."""
    heads = [FakeGitHub(tmp_path / name).open_pull(head_files={"a.py": "a = 1\n"}).head_sha for name in ("one", "two")]

    assert heads[0] == heads[1] == snapshot("16d2cd094f1e4aa8af31ffde4a9a840ef653e555")


def test_a_local_repository_is_read_in_place(tmp_path: Path) -> None:
    """A range of any repository becomes a pull request; nothing is written there."""
    source = tmp_path / "source"

    def git(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", "-C", str(source), *identity, *words], check=True, capture_output=True, text=True)
        return done.stdout

    source.mkdir()
    git("init", "--quiet")
    for text in ("a = 1\n", "a = 2\n"):
        (source / "a.py").write_text(text)
        git("add", ".")
        git("commit", "--quiet", "-m", "Work")
    before = git("for-each-ref"), sorted(path.name for path in (source / ".git").iterdir())
    pull = FakeGitHub(tmp_path / "fake").open_pull_of(source, "HEAD~1", "HEAD", title="Work")
    files = pull.repository.history.files_between(pull.merge_base, pull.head_sha)

    assert [(file.path, file.patch) for file in files] == [("a.py", "@@ -1 +1 @@\n-a = 1\n+a = 2")]
    assert (git("for-each-ref"), sorted(path.name for path in (source / ".git").iterdir())) == before


def test_the_users_git_configuration_makes_no_difference(tmp_path: Path) -> None:
    """Prefixes, colours and orders of the machine don't reach a patch."""
    history = History.create(tmp_path / "r.git")
    for key, value in (
        ("diff.noprefix", "true"),
        ("color.ui", "always"),
        ("diff.context", "1"),
        ("diff.renames", "false"),
    ):
        history.git("config", key, value)
    words = {"author": "ada", "at": datetime(2026, 1, 1, tzinfo=UTC), "message": "m"}
    base = history.commit("refs/heads/main", {"a.py": NUMBERS}, parent=None, **words)
    head = history.commit("refs/heads/x", {"a.py": None, "b.py": NUMBERS + "y = 1\n"}, parent=base, **words)
    files = history.files_between(base, head)

    assert [(one.path, one.previous_path, one.status) for one in files] == [("b.py", "a.py", "renamed")]
    assert files[0].patch is not None
    assert files[0].patch.startswith("@@ -38,3 +38,4 @@")


def test_a_file_that_becomes_a_link_keeps_the_list_in_step(tmp_path: Path) -> None:
    """Git shows such a change as two patches; the files after it must not get each other's."""
    history = History.create(tmp_path / "r.git")
    words = {"author": "ada", "at": datetime(2026, 1, 1, tzinfo=UTC), "message": "m"}
    base = history.commit("refs/heads/main", {"a": "text\n", "b": "old\n"}, parent=None, **words)
    head = history.commit("refs/heads/x", {"b": "new\n"}, parent=base, **words)
    link = history.git("hash-object", "-w", "--stdin", stdin=b"b").decode().strip()
    blob = history.resolve(f"{head}:b")
    tree = history.git("mktree", stdin=f"120000 blob {link}\ta\n100644 blob {blob}\tb\n".encode()).decode().strip()
    files = {one.path: one for one in history.files_between(base, tree)}

    assert files["a"].status == "changed"
    assert files["b"].patch == "@@ -1 +1 @@\n-old\n+new"
