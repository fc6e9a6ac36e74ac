"""GitHub as we speak to it. Single answers come from a routed transport, whole ways from the stand-in for GitHub."""

import asyncio
import contextlib
import gzip
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import graphql
import httpx
import pytest
import respx
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from inline_snapshot import snapshot

from postil.demo import reviews
from postil.demo.fake_github import FakeGitHub
from postil.demo.faults import (
    ABUSE,
    BAD_GATEWAY,
    BAD_GATEWAY_AFTER_THE_WORK,
    CONNECTION_RESET_AFTER_THE_WORK,
    GRAPHQL_PARTIAL,
    GRAPHQL_RATE_LIMITED,
    SECONDARY_LIMIT,
    Fault,
)
from postil.github import GitHub, Repository, queries, redact
from postil.github.budget import Budgets
from postil.github.errors import BadAnchors, GiveUp, Invalid, Moot, NoAnswer, NotPermitted, TryAgain
from postil.github.model import CheckRun, PullContext, Texts
from postil.review.compose import Notice
from postil.review.marker import marker
from postil.review.model import Annotation, ChangedFile, CheckOutput, Comment, Conclusion
from postil.web.metrics import Metrics

T = TypeVar("T")

API = "https://api.github.test"
REPOSITORY = f"{API}/repos/acme/shop"
TOKEN = "ghs_12345_" + "a.B-c_" * 80
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DATE = {"date": format_datetime(NOW, usegmt=True)}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def minted(text: str = TOKEN, *, minutes: int = 60) -> httpx.Response:
    """GitHub's answer to the minting of a token."""
    ends = (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return httpx.Response(201, headers=DATE, json={"token": text, "expires_at": ends})


@pytest.fixture
def router() -> respx.Router:
    """GitHub's routes, of which only the minting of tokens is there yet. What isn't there fails the test."""
    router = respx.Router(assert_all_called=False)
    router.post(f"{API}/app/installations/5/access_tokens", name="mint").mock(return_value=minted())
    return router


@asynccontextmanager
async def shop(router: respx.Router, api: str = API) -> AsyncGenerator[Repository]:
    """The repository acme/shop behind the routes, without waits."""
    transport = httpx.MockTransport(router.async_handler)
    async with GitHub("1", KEY.decode(), api, transport, spacing=0, pauses=(0, 0)) as github:
        yield github.repository(5, 77, "acme", "shop")


def asked(router: respx.Router, call: Callable[[Repository], Awaitable[T]]) -> T:
    """What a call on the repository gives."""

    async def run() -> T:
        async with shop(router) as repository:
            return await call(repository)

    return asyncio.run(run())


def comment(line: int = 3, start_line: int | None = None, path: str = "app/a.py") -> Comment:
    """An inline comment."""
    return Comment(path, line, start_line, "RIGHT", "bare-except", "Name it.", None, "f1")


def output(annotations: int = 0) -> CheckOutput:
    """A verdict with so many annotations."""
    each = tuple(Annotation("a.py", n + 1, n + 1, "warning", "Title", "Message") for n in range(annotations))
    return CheckOutput("2 findings", "Summary.", Conclusion.FAILURE, each)


NOTICE = Notice("Checking", "Summary.")


def sent(route: respx.Route) -> list[dict[str, Any]]:
    """The JSON bodies that a route received."""
    return [json.loads(call.request.content) for call in route.calls]


# Credentials


def test_calls_at_the_same_time_share_one_minting(router: respx.Router) -> None:
    """A burst of webhooks would else mint a token for each call, and mintings are limited."""
    router.get(url__regex=rf"{REPOSITORY}/check-runs/\d").respond(
        json={"id": 1, "name": "Postil", "head_sha": "c", "status": "queued"}
    )

    async def run() -> None:
        async with shop(router) as repository:
            await asyncio.gather(*(repository.check_run(number) for number in range(5)))

    asyncio.run(run())

    assert sent(router["mint"]) == snapshot(
        [
            {
                "repository_ids": [77],
                "permissions": {
                    "checks": "write",
                    "contents": "read",
                    "issues": "read",
                    "metadata": "read",
                    "pull_requests": "write",
                },
            }
        ]
    )


def test_a_refused_token_is_replaced_once(router: respx.Router) -> None:
    """A token may be revoked at any time; a 401 says that nothing was done, so even a write is safe to repeat."""
    router["mint"].mock(side_effect=[minted("ghs_old"), minted("ghs_new")])
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(401) if len(seen) == 1 else httpx.Response(201, json={"id": 9})

    router.post(f"{REPOSITORY}/check-runs").mock(side_effect=answer)

    assert asked(router, lambda repository: repository.start_check("c0ffee", "run", NOTICE)) == 9
    assert seen == ["Bearer ghs_old", "Bearer ghs_new"]


def test_a_token_that_is_refused_again_is_for_a_human(router: respx.Router) -> None:
    """Minting for ever would burn the limits of the whole App."""
    router.get(f"{REPOSITORY}/check-runs/1").respond(401, json={"message": "Bad credentials"})

    with pytest.raises(GiveUp, match="Bad credentials"):
        asked(router, lambda repository: repository.check_run(1))

    assert router["mint"].call_count == 2


@pytest.mark.parametrize(("minutes", "mintings"), [(60, 1), (4, 2)])
def test_a_token_near_its_end_is_not_used(router: respx.Router, minutes: int, mintings: int) -> None:
    """A call under way must not outlive its token. The lifetime counts by GitHub's clock, here months from ours."""
    router["mint"].mock(return_value=minted(minutes=minutes))
    router.get(f"{REPOSITORY}/collaborators/ada/permission").respond(json={"permission": "admin"})

    async def run() -> None:
        async with shop(router) as repository:
            await repository.permission("ada")
            await repository.permission("ada")

    asyncio.run(run())

    assert router["mint"].call_count == mintings


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "Not Found"),
        (403, "This installation has been suspended"),
        (422, "There is at least one repository that does not exist or is not accessible to the parent installation."),
    ],
)
def test_work_for_an_installation_that_is_gone_is_moot(router: respx.Router, status: int, message: str) -> None:
    """Somebody removed the App between the event and the work; no operator can help."""
    router["mint"].respond(status, json={"message": message})

    with pytest.raises(Moot):
        asked(router, lambda repository: repository.check_run(1))


def test_a_permission_that_was_not_granted_is_for_a_human(router: respx.Router) -> None:
    """The owner of the installation has to accept it first."""
    router["mint"].respond(422, json={"message": "The permissions requested are not granted to this installation."})

    with pytest.raises(GiveUp, match="not granted"):
        asked(router, lambda repository: repository.check_run(1))


def test_a_key_that_cannot_sign_is_no_outage() -> None:
    """A wrong private key has to stop the start-up instead of being tried again for ever, and its text stays unsaid."""

    async def run() -> None:
        async with GitHub(
            "1", "-----BEGIN NONSENSE-----", API, httpx.MockTransport(lambda _: httpx.Response(200))
        ) as github:
            await github.app()

    with pytest.raises(GiveUp, match="could not be sent") as caught:
        asyncio.run(run())

    assert "NONSENSE" not in _everything_in(caught.value)


def test_the_app_proves_its_credentials(router: respx.Router) -> None:
    """The start-up asks this: the JWT is accepted, and the id is the App's."""
    router.get(f"{API}/app").respond(json={"id": 1, "slug": "postil", "name": "Postil", "owner": {}, "events": []})

    async def run() -> str:
        async with GitHub("1", KEY.decode(), API, httpx.MockTransport(router.async_handler)) as github:
            return (await github.app()).slug

    assert asyncio.run(run()) == "postil"


def _everything_in(error: BaseException | None) -> str:
    """All texts of an error and of those behind it, with the headers of a request that one may carry."""
    texts = []
    while error is not None:
        texts += [repr(error), repr(error.args)]
        for value in vars(error).values():
            texts.append(repr(value))
            texts.append(repr(getattr(value, "headers", "")))
        request = getattr(error, "_request", None)
        texts.append(str(request.headers.raw) if request is not None else "")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.Response(500, text="<html>"),
        httpx.Response(403, json={"message": f"Forbidden for {TOKEN}"}),
        httpx.Response(200, json={"id": "no number"}),
    ],
    ids=["timeout", "reset", "page", "refusal", "odd"],
)
def test_no_error_and_no_log_line_holds_the_token(router: respx.Router, answer: httpx.Response | Exception) -> None:
    """Errors are stored and shown to operators, and a library's error carries the request with its headers."""
    router.get(f"{REPOSITORY}/check-runs/1").mock(side_effect=[answer] * 3)

    with structlog.testing.capture_logs() as logged, pytest.raises((TryAgain, GiveUp)) as caught:
        asked(router, lambda repository: repository.check_run(1))

    assert "/repos/acme/shop/check-runs/1" in str(logged)
    assert TOKEN[:20] not in str(logged) + _everything_in(caught.value)


def test_old_and_new_tokens_are_redacted() -> None:
    """New tokens are long, with dots; a pattern for forty letters would leave most of one in the log."""
    old = "ghs_" + "a" * 36

    assert redact(f"a {old} b {TOKEN} c") == snapshot("a [secret] b [secret] c")


# Limits and failures


@pytest.mark.parametrize(
    ("status", "headers", "body", "after"),
    [
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 900)}, "limit", 901),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}, "limit", 10),
        (403, {"retry-after": "42"}, "You have exceeded a secondary rate limit", 42),
        (403, {}, "You have exceeded a secondary rate limit. Please wait a few minutes", 60),
        (429, {}, "too many", 60),
        (403, {"x-ratelimit-remaining": "4000"}, "You have triggered an abuse detection mechanism.", 60),
        (422, {}, "Validation Failed: was submitted too quickly", 60),
    ],
)
def test_a_rate_limit_puts_the_work_off(
    router: respx.Router, status: int, headers: dict[str, str], body: str, after: float
) -> None:
    """Nothing sleeps through a limit: the work is given back with the time that GitHub names, by GitHub's clock."""
    route = router.post(f"{REPOSITORY}/pulls/7/reviews")
    route.respond(status, headers=DATE | headers, json={"message": body})

    with pytest.raises(TryAgain) as caught:
        asked(router, lambda repository: repository.post_review(7, "c0ffee", "Body", [comment()]))

    assert caught.value.after == after
    assert route.call_count == 1


def test_the_abuse_code_of_a_422_is_a_limit_too(router: respx.Router) -> None:
    """Bursts of comments are answered so, without any header."""
    errors = [{"resource": "PullRequestReviewComment", "code": "abuse", "field": "base"}]
    router.post(f"{REPOSITORY}/pulls/7/reviews").respond(422, json={"message": "Validation Failed", "errors": errors})

    with pytest.raises(TryAgain):
        asked(router, lambda repository: repository.post_review(7, "c0ffee", "Body", [comment()]))


def test_a_graphql_limit_hides_behind_status_200(router: respx.Router) -> None:
    """GraphQL says so in the body only."""
    headers = DATE | {"x-ratelimit-reset": str(int(NOW.timestamp()) + 99)}
    error = {"type": "RATE_LIMITED", "message": "API rate limit exceeded for installation ID 5."}
    route = router.post(f"{API}/graphql").respond(200, headers=headers, json={"data": None, "errors": [error]})

    with pytest.raises(TryAgain) as caught:
        asked(router, lambda repository: repository.context(7))

    assert caught.value.after == 100
    assert route.call_count == 1


def test_a_read_is_tried_three_times(router: respx.Router) -> None:
    """A passing hiccup isn't worth a job of its own, an outage is."""
    route = router.get(f"{REPOSITORY}/collaborators/ada/permission")
    route.mock(
        side_effect=[httpx.Response(502), httpx.ReadTimeout("slow"), httpx.Response(200, json={"permission": "write"})]
    )

    assert asked(router, lambda repository: repository.permission("ada")) == "write"

    route.mock(side_effect=[httpx.Response(502)] * 9)
    with pytest.raises(NoAnswer):
        asked(router, lambda repository: repository.permission("ada"))

    assert route.call_count == 6


def test_a_page_of_a_proxy_is_no_answer(router: respx.Router) -> None:
    """A proxy's error page comes with status 200 and no JSON."""
    router.post(f"{API}/graphql").respond(200, html="<h1>One moment</h1>")

    with pytest.raises(NoAnswer):
        asked(router, lambda repository: repository.context(7))


def test_what_is_gone_is_moot(router: respx.Router) -> None:
    """The repository may be deleted while a job waits."""
    missing = {"type": "NOT_FOUND", "path": ["repository"], "message": "Could not resolve to a Repository"}
    router.post(f"{API}/graphql").respond(200, json={"data": {"repository": None}, "errors": [missing]})

    with pytest.raises(Moot):
        asked(router, lambda repository: repository.context(7))


def test_a_repository_may_be_named_archived(router: respx.Router) -> None:
    """What GitHub says decides, not where it says it."""
    router.get(f"{API}/repos/suspended/archived/check-runs/1").respond(403, json={"message": "Forbidden"})

    async def run() -> None:
        async with GitHub("1", KEY.decode(), API, httpx.MockTransport(router.async_handler)) as github:
            await github.repository(5, 77, "suspended", "archived").check_run(1)

    with pytest.raises(GiveUp, match="Forbidden"):
        asyncio.run(run())


def test_a_missing_permission_is_named(router: respx.Router) -> None:
    """The operator has to know which one to add."""
    router.post(f"{REPOSITORY}/check-runs").respond(
        403,
        headers={"x-accepted-github-permissions": "checks=write"},
        json={"message": "Resource not accessible by integration"},
    )

    with pytest.raises(NotPermitted) as caught:
        asked(router, lambda repository: repository.start_check("c0ffee", "run", NOTICE))

    assert caught.value.why == snapshot(
        "POST /repos/acme/shop/check-runs: 403 Resource not accessible by integration (needs checks=write)"
    )


def test_an_unexpected_answer_is_named_without_its_content(router: respx.Router) -> None:
    """What GitHub changed must be found from the message, but an answer may hold secrets."""
    router.get(f"{REPOSITORY}/check-runs/1").respond(json={"id": "secret", "name": "Postil", "head_sha": "c"})

    with pytest.raises(GiveUp) as caught:
        asked(router, lambda repository: repository.check_run(1))

    assert caught.value.why == snapshot("GitHub's answer to a check run has an unexpected form: id, status")


# Addresses


def test_a_renamed_repository_is_followed_with_method_and_body(router: respx.Router) -> None:
    """Clients turn a redirected POST into a GET, and the review would be lost without an error."""
    moved = {"location": f"{API}/repositories/77/pulls/7/reviews"}
    router.post(f"{REPOSITORY}/pulls/7/reviews").respond(301, headers=moved)
    route = router.post(f"{API}/repositories/77/pulls/7/reviews").respond(200, json={"id": 4})

    assert asked(router, lambda repository: repository.post_review(7, "c0ffee", "Body", [])) == 4
    assert sent(route) == [{"commit_id": "c0ffee", "body": "Body", "event": "COMMENT", "comments": []}]


@pytest.mark.parametrize("status", [200, 301])
def test_the_token_is_shown_to_no_other_host(router: respx.Router, status: int) -> None:
    """A redirect or a page link is text from outside."""
    elsewhere = "https://evil.test/files"
    headers = {"location": elsewhere, "link": f'<{elsewhere}>; rel="next"'}
    router.get(f"{REPOSITORY}/pulls/7/files").respond(status, headers=headers, json=[])
    evil = router.get(elsewhere).respond(json=[])

    with pytest.raises(GiveUp, match=re.escape("evil.test")):
        asked(router, lambda repository: repository.changed_files(7))

    assert evil.call_count == 0


@pytest.mark.parametrize(
    ("owner", "name"), [("..", "app"), ("acme", "."), ("acme", "a/../b"), ("acme", "a?b"), ("", "a")]
)
def test_a_name_is_never_a_path(router: respx.Router, owner: str, name: str) -> None:
    """Names come from a delivery and end in an address."""

    async def run() -> None:
        async with GitHub("1", KEY.decode(), API, httpx.MockTransport(router.async_handler)) as github:
            github.repository(5, 77, owner, name)

    with pytest.raises(GiveUp):
        asyncio.run(run())


def test_a_login_and_a_commit_are_quoted(router: respx.Router) -> None:
    """Both are text from outside: `[bot]` ends a login, and a slash may be in a branch."""
    bot = router.get(url__regex=r".*/permission$").respond(404, json={"message": "Not Found"})
    compared = router.get(url__regex=r".*/compare/.*").respond(json={"merge_base_commit": {"sha": "b45e"}})

    asked(router, lambda repository: repository.permission("a/../b[bot]#"))
    asked(router, lambda repository: repository.merge_base("release/1?", "c0ffee"))

    assert bot.calls.last.request.url.raw_path == b"/repos/acme/shop/collaborators/a%2F..%2Fb%5Bbot%5D%23/permission"
    assert compared.calls.last.request.url.raw_path == (
        b"/repos/acme/shop/compare/release%2F1%3F...c0ffee?per_page=1&page=2"
    )


def test_an_enterprise_server_has_its_graphql_beside_its_rest(router: respx.Router) -> None:
    """There the roots are /api/v3 and /api/graphql."""
    host = "https://git.corp.test/api"
    router.post(f"{host}/v3/app/installations/5/access_tokens").mock(return_value=minted())
    route = router.post(f"{host}/graphql").respond(502)

    async def run() -> None:
        async with shop(router, f"{host}/v3") as repository:
            await repository.context(7)

    with pytest.raises(NoAnswer):
        asyncio.run(run())

    assert route.calls.last.request.headers["x-github-api-version"] == "2022-11-28"


# Writing


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("Pull request review thread line must be part of the diff", BadAnchors),
        ("Pull request review thread diff hunk can't be blank", BadAnchors),
        ("Pull request review thread start line must precede the end line.", BadAnchors),
        ("Path could not be resolved", BadAnchors),
        ("Commit oid is not part of the pull request", Moot),
        ("body is too long (maximum is 65536 characters)", Invalid),
    ],
)
def test_a_refused_review_says_what_to_do_next(router: respx.Router, reason: str, error: type[Exception]) -> None:
    """GitHub answers all of these with the same status, and sentences."""
    route = router.post(f"{REPOSITORY}/pulls/7/reviews")
    route.respond(422, json={"message": "Unprocessable Entity", "errors": [reason]})

    with pytest.raises(error):
        asked(router, lambda repository: repository.post_review(7, "c0ffee", "Body", [comment()]))

    assert route.call_count == 1


def test_a_review_without_comments_is_never_refused_for_their_places(router: respx.Router) -> None:
    """What has no anchors can't be cured by leaving them out: it would be sent again and again."""
    route = router.post(f"{REPOSITORY}/pulls/7/reviews")
    route.respond(422, json={"message": "Unprocessable Entity", "errors": ["Path could not be resolved"]})

    with pytest.raises(Invalid):
        asked(router, lambda repository: repository.post_review(7, "c0ffee", "Body", []))


def test_a_stale_pending_review_is_removed(router: respx.Router) -> None:
    """GitHub allows one pending review to a user, and it blocks submitted ones too."""
    route = router.post(f"{REPOSITORY}/pulls/7/reviews")
    pending = "User can only have one pending review per pull request"
    route.mock(side_effect=[httpx.Response(422, json={"errors": [pending]}), httpx.Response(200, json={"id": 4})])
    listed = [{"id": 1, "body": "", "state": "COMMENTED"}, {"id": 2, "body": None, "state": "PENDING"}]
    router.get(f"{REPOSITORY}/pulls/7/reviews").respond(json=listed)
    deleted = router.delete(f"{REPOSITORY}/pulls/7/reviews/2").respond(json={"id": 2})

    assert asked(router, lambda repository: repository.post_review(7, "c0ffee", "Body", [comment()])) == 4
    assert deleted.call_count == 1


def test_a_comment_on_one_line_names_no_start(router: respx.Router) -> None:
    """GitHub refuses a start that doesn't precede the end."""
    route = router.post(f"{REPOSITORY}/pulls/7/reviews").respond(200, json={"id": 4})

    asked(router, lambda repository: repository.post_review(7, "c0ffee", "Body", [comment(3, 3), comment(9, 7)]))

    assert sent(route)[0]["comments"] == snapshot(
        [
            {"path": "app/a.py", "body": "Name it.", "line": 3, "side": "RIGHT"},
            {
                "path": "app/a.py",
                "body": "Name it.",
                "line": 9,
                "side": "RIGHT",
                "start_line": 7,
                "start_side": "RIGHT",
            },
        ]
    )


def test_annotations_go_fifty_at_a_time(router: respx.Router) -> None:
    """GitHub refuses more, and the last request completes the check run so that none is shown without its rest."""
    route = router.patch(f"{REPOSITORY}/check-runs/9").respond(json={"id": 9})

    asked(router, lambda repository: repository.finish_check(9, output(120)))

    assert [(len(body["output"]["annotations"]), body["status"]) for body in sent(route)] == snapshot(
        [(50, "in_progress"), (50, "in_progress"), (20, "completed")]
    )


@pytest.mark.parametrize(("arrived", "requests"), [(50, 3), (0, 4)])
def test_annotations_are_not_appended_twice(router: respx.Router, arrived: int, requests: int) -> None:
    """GitHub appends what it is sent, so after an unclear answer it is asked what it has."""
    patches = [httpx.Response(502), *[httpx.Response(200, json={"id": 9})] * 3]
    route = router.patch(f"{REPOSITORY}/check-runs/9").mock(side_effect=patches)
    run = {
        "id": 9,
        "name": "Postil",
        "head_sha": "c",
        "status": "in_progress",
        "output": {"annotations_count": arrived},
    }
    router.get(f"{REPOSITORY}/check-runs/9").respond(json=run)

    asked(router, lambda repository: repository.finish_check(9, output(120)))

    assert route.call_count == requests


def test_finishing_again_sends_only_the_annotations_that_are_missing(router: respx.Router) -> None:
    """A job that died between two requests begins anew."""
    route = router.patch(f"{REPOSITORY}/check-runs/9").respond(json={"id": 9})
    run = {"id": 9, "name": "Postil", "head_sha": "c", "status": "in_progress", "output": {"annotations_count": 50}}
    router.get(f"{REPOSITORY}/check-runs/9").respond(json=run)

    asked(router, lambda repository: repository.finish_check(9, output(60), repeated=True))

    assert [body["output"]["annotations"][0]["start_line"] for body in sent(route)] == [51]


def test_a_check_run_that_may_exist_is_looked_for(router: respx.Router) -> None:
    """A second one under the same name would stay in progress for ever."""
    created = router.post(f"{REPOSITORY}/check-runs").respond(502)
    listed = {"check_runs": [{"id": 9, "name": "Postil", "head_sha": "c", "status": "queued", "external_id": "run 1"}]}
    router.get(f"{REPOSITORY}/commits/c0ffee/check-runs").respond(json=listed)

    assert asked(router, lambda repository: repository.start_check("c0ffee", "run 1", NOTICE)) == 9
    assert created.call_count == 1


def test_a_comment_that_may_have_been_posted_is_looked_for(router: respx.Router) -> None:
    """The refusal of a command is read by a human, once."""
    created = router.post(f"{REPOSITORY}/issues/7/comments").mock(side_effect=httpx.ReadTimeout("slow"))
    ours = "Sorry.\n\n" + marker("acme/shop#7 issue_comment 5", "a" * 40)
    other = "Sorry.\n\n" + marker("acme/shop#7 issue_comment 6", "a" * 40)
    said = [
        {"id": f"IC_{number}", "fullDatabaseId": str(number), "body": body, "viewerDidAuthor": by_us}
        for number, body, by_us in ((1, ours, False), (2, other, True), (3, ours, True), (4, ours, False))
    ]
    page = {"pageInfo": {"hasPreviousPage": True, "startCursor": "c"}, "nodes": said}
    router.post(f"{API}/graphql").respond(json={"data": {"repository": {"pullRequest": {"comments": page}}}})

    assert asked(router, lambda repository: repository.comment(7, ours)) == 3
    assert created.call_count == 1


def test_a_reaction_in_the_conversation_has_a_token_of_its_own(router: respx.Router) -> None:
    """It needs a permission that few installations grant; the token of the review must not ask for it."""
    refused = httpx.Response(422, json={"message": "The permissions requested are not granted to this installation."})
    router["mint"].mock(side_effect=[refused, minted()])
    router.post(f"{REPOSITORY}/pulls/comments/3/reactions").respond(201, json={"id": 1})

    assert not asked(router, lambda repository: repository.react("issue_comment", 3, "eyes"))
    assert asked(router, lambda repository: repository.react("pull_request_review_comment", 3, "eyes"))
    assert [body["permissions"].get("issues") for body in sent(router["mint"])] == ["write", "read"]


def test_writes_of_an_installation_take_turns() -> None:
    """GitHub counts bursts of writes as abuse, and a job may wait a little but not for long."""

    async def run() -> list[str]:
        router = respx.Router()
        router.post(url__regex=".*access_tokens$").mock(return_value=minted())
        router.post(url__regex=".*/comments$").respond(201, json={"id": 1})
        transport = httpx.MockTransport(router.async_handler)
        async with GitHub("1", KEY.decode(), API, transport, spacing=60) as github:
            outcomes = []
            for installation in (5, 5, 6):
                repository = github.repository(installation, 77, "acme", "shop")
                try:
                    outcomes.append(str(await repository.comment(7, "Hello")))
                except TryAgain as error:
                    outcomes.append(error.why)
            return outcomes

    assert asyncio.run(run()) == snapshot(["1", "too many writes wait for their turn in this installation", "1"])


def test_a_reserve_of_the_hourly_calls_is_kept_for_what_people_ask_for() -> None:
    """REST and GraphQL count apart; the scarcer one decides, and another installation has its own."""

    def answer(resource: str, remaining: int) -> dict[str, str]:
        reset = str(int(NOW.timestamp()) + 900)
        counted = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": reset}
        return DATE | counted | {"x-ratelimit-resource": resource}

    budgets = Budgets()
    budgets.hear(5, answer("core", 4000))
    budgets.hear(5, answer("graphql", 500))
    budgets.hear(6, answer("core", 0))
    budgets.hear(7, answer("core", 501))
    budgets.hear(8, {"x-ratelimit-remaining": "0"})
    waits = {
        whose: [round(budgets.wait(whose, asked_for=asked_for), -1) for asked_for in (False, True)]
        for whose in (5, 6, 7, 8)
    }

    assert waits == {5: [900, 0], 6: [900, 900], 7: [0, 0], 8: [0, 0]}
    assert sorted(budgets.left()) == [0, 0.1, 501 / 5000]
    assert {whose: budgets.left_of(whose) for whose in (5, 6, 8)} == {
        5: {"core": 0.8, "graphql": 0.1},
        6: {"core": 0},
        8: {},
    }


def test_calls_are_measured_by_kind_and_outcome_and_tokens_by_whether_one_was_there(router: respx.Router) -> None:
    """A path would be a label for each pull request."""
    metrics = Metrics("1", "1.0")
    answers = [httpx.Response(201, json={"id": 1}), httpx.Response(429, json={})]
    router.post(f"{REPOSITORY}/issues/7/comments").mock(side_effect=answers)

    async def run() -> None:
        transport = httpx.MockTransport(router.async_handler)
        async with GitHub("1", KEY.decode(), API, transport, spacing=0, pauses=(0, 0), meter=metrics) as github:
            repository = github.repository(5, 77, "acme", "shop")
            for _ in answers:
                with contextlib.suppress(TryAgain):
                    await repository.comment(7, "Hello")

    asyncio.run(run())
    text = metrics.show(None).decode()
    calls = re.findall(r"^postil_github_call_seconds_count\{(.*)\} (\S+)", text, re.MULTILINE)
    lookups = re.findall(r"^postil_cache_lookups_total\{(.*)\} (\S+)", text, re.MULTILINE)

    assert calls == snapshot(
        [
            ('endpoint="token",outcome="ok"', "1.0"),
            ('endpoint="comments",outcome="ok"', "1.0"),
            ('endpoint="comments",outcome="limited"', "1.0"),
        ]
    )
    assert lookups == snapshot([('cache="token",outcome="miss"', "1.0"), ('cache="token",outcome="hit"', "1.0")])


# Contents

OID = "0123456789012345678901234567890123456789"


def blob(text: str | None, *, truncated: bool = False) -> dict[str, Any]:
    """A blob as GraphQL tells it."""
    return {"oid": OID, "byteSize": 9, "isBinary": text is None, "isTruncated": truncated, "text": text}


def answering(limit: int, *, status: int = 502) -> Callable[[httpx.Request], httpx.Response]:
    """GraphQL that serves at most `limit` blobs in a query, and else fails with `status` or, for 200, in part."""

    def answer(request: httpx.Request) -> httpx.Response:
        variables = json.loads(request.content)["variables"]
        aliases = [alias for alias in variables if alias not in ("owner", "name")]
        if len(aliases) <= limit:
            return httpx.Response(200, json={"data": {"repository": {a: blob(variables[a]) for a in aliases}}})
        if status != 200:
            return httpx.Response(status)
        served = {alias: blob(variables[alias]) if n < limit else None for n, alias in enumerate(aliases)}
        errors = [{"message": "Resource limits", "path": ["repository", alias]} for alias in aliases[limit:]]
        return httpx.Response(200, json={"data": {"repository": served}, "errors": errors})

    return answer


@pytest.mark.parametrize("status", [502, 504, 200])
def test_contents_are_asked_for_in_smaller_parts_where_they_are_too_many(router: respx.Router, status: int) -> None:
    """A query that runs out of its ten seconds ends as 502, as 504, or with a part of the answer."""
    router.post(f"{API}/graphql").mock(side_effect=answering(13, status=status))
    files = [(f"{n}.py", f"{n:040}") for n in range(60)]

    texts = asked(router, lambda repository: repository.texts(files, {"pyproject.toml": "c0ffee:pyproject.toml"}))

    assert texts.texts == dict(files) | {"pyproject.toml": "c0ffee:pyproject.toml"}
    assert texts.missing == {}


def test_an_outage_is_not_hammered(router: respx.Router) -> None:
    """Halving must end with the first single file that gets no answer, not try all of them."""
    route = router.post(f"{API}/graphql").respond(502)
    router.get(url__regex=r".*/git/blobs/.*").respond(502)

    with pytest.raises(NoAnswer):
        asked(router, lambda repository: repository.texts([(f"{n}.py", f"{n:040}") for n in range(50)]))

    assert route.call_count < 12


@pytest.mark.parametrize(
    ("node", "raw", "text"),
    [
        (blob("x = 1\n" * 3, truncated=True), b"x = 1\n" * 5, "x = 1\n" * 5),
        (
            blob("# -*- coding: latin-1 -*-\nx = '\ufffd'\n"),
            b"# -*- coding: latin-1 -*-\nx = '\xe4'\n",
            "# -*- coding: latin-1 -*-\nx = 'ä'\n",
        ),
        (blob("\ufeffx = 1\r\n"), b"unasked", "x = 1\r\n"),
    ],
)
def test_a_text_that_graphql_spoils_is_fetched_raw(
    router: respx.Router, node: dict[str, Any], raw: bytes, text: str
) -> None:
    """GraphQL cuts long texts and replaces bytes that aren't UTF-8; both would become wrong findings."""
    router.post(f"{API}/graphql").respond(json={"data": {"repository": {"o0": node}}})
    router.get(f"{REPOSITORY}/git/blobs/{OID}").respond(content=raw)

    assert asked(router, lambda repository: repository.texts([("a.py", OID)])).texts == {"a.py": text}


def test_a_file_without_text_has_a_reason(router: respx.Router) -> None:
    """The check run names each file that wasn't judged. An absent project file is no such thing."""
    repository = {
        "o0": None,
        "o1": blob(None),
        "o2": {"oid": OID},
        "o3": blob("x") | {"byteSize": 10**9},
        "x4": None,
    }
    router.post(f"{API}/graphql").respond(json={"data": {"repository": repository}})
    router.get(f"{REPOSITORY}/git/blobs/{OID}").respond(content=b"\0\0")
    files = [("gone.py", OID), ("binary.py", OID), ("submodule.py", OID), ("huge.py", OID), ("unnamed.py", None)]

    texts = asked(router, lambda repository: repository.texts(files, {"tox.ini": "c0ffee:tox.ini"}))

    assert dict(texts.missing) == snapshot(
        {
            "unnamed.py": "GitHub names no content for it",
            "gone.py": "GitHub has no content for it",
            "binary.py": "it holds null bytes, as UTF-16 and binary files do",
            "submodule.py": "it is not a file",
            "huge.py": "it is larger than 10 MB",
        }
    )


def test_every_query_is_valid_for_githubs_published_schema() -> None:
    """A misspelt field would be found only on the real GitHub."""
    path = Path(__file__).parent / "vendor" / "schema.graphql.gz"
    schema = graphql.build_schema(gzip.decompress(path.read_bytes()).decode(), assume_valid=True)
    texts = [queries.CONTEXT, queries.REVIEWS, queries.COMMENTS, queries.THREADS, queries.objects(["o0", "x1"])]
    texts += [queries.change(way, 2, 1) for way in ("resolved", "reopened", "minimised")]

    assert [graphql.validate(schema, graphql.parse(text)) for text in texts] == [[]] * 8


def test_a_hostile_path_is_no_part_of_a_query(router: respx.Router) -> None:
    """A file may be named so that it would close the string and ask for something else."""
    path = 'a"){oid} evil: object(expression: "HEAD:b.py'
    route = router.post(f"{API}/graphql").respond(json={"data": {"repository": {"x0": blob("x = 1\n")}}})

    asked(router, lambda repository: repository.texts([], {path: f"c0ffee:{path}"}))

    assert "evil" not in sent(route)[0]["query"]
    assert sent(route)[0]["variables"]["x0"] == f"c0ffee:{path}"


@pytest.mark.parametrize(("seconds", "sent_on"), [(60.0, 1), (0.0, 0)])
def test_nothing_is_written_without_a_permit_that_holds(router: respx.Router, seconds: float, sent_on: int) -> None:
    """A process that slept may wake up right before it posts what others have posted meanwhile."""
    route = router.post(f"{API}/repos/acme/shop/issues/7/comments").respond(201, json={"id": 1})

    async def permit() -> float:
        return seconds - 0.001

    async def story() -> None:
        transport = httpx.MockTransport(router.async_handler)
        async with GitHub("1", KEY.decode(), API, transport, spacing=0, pauses=(0, 0)) as github:
            await github.repository(5, 77, "acme", "shop", permit).comment(7, "Hello")

    with contextlib.nullcontext() if sent_on else pytest.raises(TryAgain, match="slept too long"):
        asyncio.run(story())

    assert route.call_count == sent_on


# The whole way, against the stand-in for GitHub


def service(count: int) -> tuple[dict[str, str], dict[str, str]]:
    """The files of a small service before and after a change of `count` Python files."""
    before = {f"app/part{n:02}.py": f"import requests\n\n\ndef part{n}():\n    return {n}\n" for n in range(count)}
    after = {path: text.replace("return", "x =") + "    return x\n" for path, text in before.items()}
    return before, after


@asynccontextmanager
async def connected(github: FakeGitHub, app_key: tuple[str, str]) -> AsyncGenerator[Repository]:
    """The stand-in's repository as the App sees it, without waits."""
    transport = httpx.ASGITransport(app=github)
    async with GitHub(github.app_id, app_key[0], github.url, transport, spacing=0, pauses=(0, 0)) as app:
        repository = github.repository
        yield app.repository(github.installation.id, repository.id, repository.owner.login, repository.name)


class Way(Protocol):
    """Runs something on the stand-in's repository and gives its result."""

    def __call__(self, call: Callable[[Repository], Awaitable[T]]) -> T: ...


@pytest.fixture
def way(github: FakeGitHub, app_key: tuple[str, str]) -> Way:
    """Runs something on the stand-in's repository."""

    def go(call: Callable[[Repository], Awaitable[T]]) -> T:
        async def run() -> T:
            async with connected(github, app_key) as repository:
                return await call(repository)

        return asyncio.run(run())

    return go


def body(run: str = "acme/shop#1@run 1") -> str:
    """A review's body with the marker of its run."""
    return f"Two things.\n\n{marker(run=run, head='c0ffee')}"


@pytest.mark.parametrize(("count", "calls"), [(5, 6), (50, 6), (60, 7)])
def test_a_review_takes_six_calls_for_fifty_files(github: FakeGitHub, way: Way, count: int, calls: int) -> None:
    """Limits are for an installation with all its repositories; bots that ask for each file use ten times as many."""
    before, after = service(count)
    project = {"pyproject.toml": "[project]\n", ".github/postil.toml": "select = []\n"}
    pull = github.open_pull(base_files=before | project, head_files=after)

    async def review(repository: Repository) -> tuple[Texts, Texts]:
        context = await repository.context(pull.number)
        check_id = await repository.start_check(context.head_sha, "run 1", NOTICE)
        files = await repository.changed_files(pull.number)
        at = {"pyproject.toml": f"{context.head_sha}:pyproject.toml", "uv.lock": f"{context.head_sha}:uv.lock"}
        heads = await repository.texts([(file.path, file.sha) for file in files], at)
        bases = await repository.base_texts(files, heads.texts, context.base_sha, context.head_sha)
        await repository.post_review(pull.number, context.head_sha, body(), [comment(5, path="app/part00.py")])
        await repository.finish_check(check_id, output(3))
        return heads, bases

    heads, bases = way(review)

    assert len(github.calls_without_tokens) == calls
    assert heads.texts == after | {"pyproject.toml": "[project]\n"}
    assert bases.texts == before
    assert (heads.missing, bases.missing) == ({}, {})
    assert [(review.state, len(review.comments)) for review in pull.reviews] == [("COMMENTED", 1)]
    assert [(run.status, run.conclusion, len(run.annotations)) for run in pull.check_runs] == [
        ("completed", "failure", 3)
    ]


def test_the_context_tells_a_pull_request_and_its_base(github: FakeGitHub, way: Way) -> None:
    """Everything that the decision to review needs is in one answer, configuration of the base branch included."""
    before, after = service(1)
    pull = github.open_pull(
        base_files=before | {"uv.lock": "locked"}, head_files=after | {"uv.lock": "edited"}, title="T"
    )
    way(lambda repository: repository.post_review(1, pull.head_sha, body(), [comment(5, path="app/part00.py")]))
    pull.reply(pull.comments[0], "No.", by="bob")
    pull.resolve(pull.comments[0])
    for login in ("bob", "eve"):
        pull.react(pull.comments[0], "-1", by=login)
    pull.react(pull.comments[1], "+1")
    github.calls.clear()

    context = way(lambda repository: repository.context(1))

    assert len(github.calls_without_tokens) == 1
    assert (context.state, context.draft, context.title, context.author) == ("OPEN", False, "T", "ada")
    assert (context.head_sha, context.base_sha, context.config_sha) == (pull.head_sha, pull.base_sha, pull.base_sha)
    assert (context.base_ref, context.repository_id) == ("main", github.repository.id)
    assert context.base_files == {"uv.lock": "locked"}
    assert [review.id for review in context.reviews] == [pull.reviews[0].id]
    assert [(t.path, t.line, t.resolved, [(c.ours, c.author) for c in t.comments]) for t in context.threads] == [
        ("app/part00.py", 5, True, [(True, "postil"), (False, "bob")])
    ]
    assert [(t.reacted("THUMBS_DOWN"), t.reacted("THUMBS_UP")) for t in context.threads] == [(2, 0)]


def test_more_threads_and_reviews_than_a_page_are_all_seen(github: FakeGitHub, way: Way) -> None:
    """What was said before must not be said again, on a long pull request least of all."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)

    async def talk(repository: Repository) -> PullContext:
        for n in range(101):
            said = (
                [comment(line, path="app/part00.py") for line in (4, 5)]
                if n == 0
                else [comment(5, path="app/part00.py")]
            )
            await repository.post_review(1, pull.head_sha, body(f"run {n}"), said)
        return await repository.context(1)

    github.limits = None
    context = way(talk)

    assert len(context.threads) == 102
    assert [review.id for review in context.reviews] == [review.id for review in pull.reviews]
    assert way(lambda repository: repository.find_review(1, "run 0")) == pull.reviews[0].id


def test_a_comment_that_is_deleted_meanwhile_costs_the_others_nothing(github: FakeGitHub, way: Way) -> None:
    """One that isn't there any more is no missing permission: the best way stays the best."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)

    async def close(repository: Repository) -> tuple[str, str]:
        said = [comment(line, path="app/part00.py") for line in (4, 5)]
        await repository.post_review(1, pull.head_sha, body(), said)
        threads = (await repository.context(1)).threads
        reviews.delete_comment(pull, pull.comments[0])
        return await repository.close(threads, str.upper), await repository.close(threads[1:], str.upper)

    assert way(close) == ("minimised", "minimised")
    assert [one.minimized for one in pull.comments] == ["resolved"]


@pytest.mark.parametrize("fault", [BAD_GATEWAY_AFTER_THE_WORK, CONNECTION_RESET_AFTER_THE_WORK])
def test_a_review_that_github_took_without_saying_so_is_posted_once(github: FakeGitHub, way: Way, fault: Fault) -> None:
    """The commonest complaint about review bots is the same review twice."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)
    github.misbehave("POST", r"/reviews$", fault)

    posted = way(lambda repository: repository.post_review(1, pull.head_sha, body(), []))

    assert [review.id for review in pull.reviews] == [posted]


def test_a_review_that_github_did_not_take_is_posted(github: FakeGitHub, way: Way) -> None:
    """After the look for it finds nothing."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)
    github.misbehave("POST", r"/reviews$", BAD_GATEWAY)

    posted = way(lambda repository: repository.post_review(1, pull.head_sha, body(), []))

    assert [review.id for review in pull.reviews] == [posted]


def test_a_review_without_a_marker_is_never_repeated(github: FakeGitHub, way: Way) -> None:
    """It couldn't be found again."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)
    github.misbehave("POST", r"/reviews$", BAD_GATEWAY_AFTER_THE_WORK)

    with pytest.raises(NoAnswer):
        way(lambda repository: repository.post_review(1, pull.head_sha, "No marker", []))

    assert len(pull.reviews) == 1


def test_the_review_of_another_run_is_not_ours(github: FakeGitHub, way: Way) -> None:
    """Run 1 isn't run 12, and what somebody copies out of our review isn't our review."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)
    way(lambda repository: repository.post_review(1, pull.head_sha, body("run 12"), []))
    pull.comment(body("run 1"), by="mallory")

    assert way(lambda repository: repository.find_review(1, "run 1")) is None
    assert way(lambda repository: repository.find_review(1, "run 12")) == pull.reviews[0].id


def test_one_anchor_beside_the_diff_refuses_the_whole_review(github: FakeGitHub, way: Way) -> None:
    """The worker then moves the comments out of the diff and posts once more."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)
    comments = [comment(5, path="app/part00.py"), comment(99, path="app/part00.py")]

    with pytest.raises(BadAnchors):
        way(lambda repository: repository.post_review(1, pull.head_sha, body(), comments))

    assert pull.reviews == []


def test_a_head_that_was_pushed_away_is_moot(github: FakeGitHub, way: Way) -> None:
    """The push has brought a run of its own."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)
    old = pull.head_sha
    pull.push({"app/part00.py": "x = 2\n"}, force=True)

    with pytest.raises(Moot):
        way(lambda repository: repository.post_review(1, old, body(), [comment(5, path="app/part00.py")]))


def test_tokens_that_were_revoked_in_the_middle_are_replaced(github: FakeGitHub, way: Way) -> None:
    """An owner may accept new permissions at any time."""
    before, after = service(1)
    github.open_pull(base_files=before, head_files=after)

    async def calls(repository: Repository) -> int:
        await repository.context(1)
        github.revoke_tokens()
        return len(await repository.changed_files(1))

    assert way(calls) == 1


@pytest.mark.parametrize("fault", [SECONDARY_LIMIT, ABUSE, GRAPHQL_RATE_LIMITED])
def test_limits_are_not_taken_for_refusals(github: FakeGitHub, way: Way, fault: Fault) -> None:
    """GitHub words them in several ways; all of them mean later."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)
    github.misbehave("POST", r"/graphql$" if fault is GRAPHQL_RATE_LIMITED else r"/reviews$", fault)

    async def calls(repository: Repository) -> None:
        await repository.context(1)
        await repository.post_review(1, pull.head_sha, body(), [])

    with pytest.raises(TryAgain):
        way(calls)


def test_a_part_of_an_answer_is_completed(github: FakeGitHub, way: Way) -> None:
    """GitHub leaves out what it had no time for; the files would pass for clean."""
    before, after = service(20)
    pull = github.open_pull(base_files=before, head_files=after)
    github.misbehave("POST", r"/graphql$", GRAPHQL_PARTIAL, times=2)

    async def read(repository: Repository) -> Texts:
        files = await repository.changed_files(pull.number)
        return await repository.texts([(file.path, file.sha) for file in files])

    assert way(read).texts == after


def test_a_renamed_repository_is_reviewed_under_its_old_name(github: FakeGitHub, way: Way) -> None:
    """A job that waits knows only the name of then."""
    before, after = service(1)
    pull = github.open_pull(base_files=before, head_files=after)

    async def calls(repository: Repository) -> int:
        github.rename("store")
        await repository.context(1)
        await repository.changed_files(1)
        return await repository.post_review(1, pull.head_sha, body(), [])

    posted = way(calls)
    github.expect("/pulls/1/")  # GitHub's description has neither renamed repositories nor their permanent addresses

    assert {301, 307} <= {call.status for call in github.calls}
    assert [review.id for review in pull.reviews] == [posted]


def test_a_file_without_a_patch_gets_its_base_from_github(github: FakeGitHub, way: Way) -> None:
    """GitHub leaves out large patches; the base is then asked for at the merge base, which isn't the branch's tip."""
    before = {"big.py": "x = 1\n" * 1500, "moved.py": "y = 1\n", "gone.py": "z = 1\n"}
    after = {"big.py": "x = 2\n" * 1500, "moved.py": None, "there.py": "y = 1\n", "gone.py": None, "new.py": "n = 1\n"}
    pull = github.open_pull(base_files=before, head_files=after)
    github.commit({"big.py": "x = 3\n"})

    async def read(repository: Repository) -> tuple[list[ChangedFile], Texts]:
        files = await repository.changed_files(pull.number)
        heads = await repository.texts([(file.path, file.sha) for file in files if file.status != "removed"])
        return files, await repository.base_texts(files, heads.texts, pull.base_sha, pull.head_sha)

    files, bases = way(read)

    assert {file.path: (file.status.value, file.patch is None) for file in files} == {
        "big.py": ("modified", True),
        "gone.py": ("removed", False),
        "new.py": ("added", False),
        "there.py": ("renamed", True),
    }
    assert bases.texts == {"big.py": before["big.py"], "there.py": "y = 1\n", "gone.py": "z = 1\n"}


def test_a_text_longer_than_graphql_gives_is_complete(github: FakeGitHub, way: Way) -> None:
    """A lock file of a large project is longer than half a megabyte."""
    lock = "# a line of a long lock file\n" * 30_000
    pull = github.open_pull(base_files={"uv.lock": lock}, head_files={"uv.lock": lock + "# end\n"})

    async def read(repository: Repository) -> tuple[str, str]:
        context = await repository.context(pull.number)
        texts = await repository.texts([], {"uv.lock": f"{context.head_sha}:uv.lock"})
        return context.base_files["uv.lock"], texts.texts["uv.lock"]

    assert way(read) == (lock, lock + "# end\n")


def test_paths_of_any_spelling_are_read(github: FakeGitHub, way: Way) -> None:
    """A pull request may hold such names, by accident or to break out of an address."""
    names = ["a#b.py", "a?b.py", "a%23b.py", "größe.py", "a b/c&d.py", '"quoted".py']
    pull = github.open_pull(base_files={"README.md": "Hello\n"}, head_files={name: f"x = {name!r}\n" for name in names})

    async def read(repository: Repository) -> Texts:
        files = await repository.changed_files(pull.number)
        by_path = {f"at {file.path}": f"{pull.head_sha}:{file.path}" for file in files}
        return await repository.texts([(file.path, file.sha) for file in files], by_path)

    texts = way(read).texts

    assert texts == {place: f"x = {name!r}\n" for name in names for place in (name, f"at {name}")}


def test_permissions_decide_who_may_command(github: FakeGitHub, way: Way) -> None:
    """A stranger's command costs computing time; whom GitHub doesn't know may nothing."""
    github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"a.py": "x = 2\n"})
    github.collaborator("maria", "maintain")

    async def read(repository: Repository) -> list[str]:
        return [await repository.permission(login) for login in ("maria", github.owner.login, "stranger[bot]")]

    assert way(read) == ["write", "admin", "none"]


def test_a_reaction_is_tried_and_not_insisted_on(github: FakeGitHub, way: Way) -> None:
    """Most installations don't grant it in the conversation."""
    pull = github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"a.py": "x = 2\n"})
    said = pull.comment("/recheck")

    assert not way(lambda repository: repository.react("issue_comment", said.id, "eyes"))
    assert said.reactions == []

    github.grant(issues="write")

    assert way(lambda repository: repository.react("issue_comment", said.id, "eyes"))
    assert [reaction.content for reaction in said.reactions] == ["eyes"]


def test_a_check_run_is_found_again_by_its_external_id(github: FakeGitHub, way: Way) -> None:
    """Events about check runs of forks name no pull request, and an unclear answer names no check run."""
    pull = github.open_pull(base_files={"a.py": "x = 1\n"}, head_files={"a.py": "x = 2\n"})
    github.misbehave("POST", r"/check-runs$", BAD_GATEWAY_AFTER_THE_WORK)

    async def calls(repository: Repository) -> CheckRun:
        check_id = await repository.start_check(pull.head_sha, "acme/shop#1@run 1", NOTICE)
        await repository.complete_check(check_id, "cancelled", NOTICE)
        return await repository.check_run(check_id)

    run = way(calls)

    assert (run.external_id, run.name, run.conclusion) == ("acme/shop#1@run 1", "Postil", "cancelled")
    assert len(pull.check_runs) == 1
