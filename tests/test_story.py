"""The life of a pull request, told as its author sees it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import httpx
import pytest
from inline_snapshot import snapshot

from postil.demo import faults
from postil.demo.deliveries import Webhook
from story import CLEAN, PAY, REFUND, Postil, said, verdicts
from validated_github import ValidatedGitHub, served

pytestmark = pytest.mark.anyio

WAIT = "import time\n" + "\n" * 9 + "async def wait():\n    time.sleep(1)\n"
DEV = '\n[tool.uv]\ndev-dependencies = ["pytest"]\n'


async def test_an_opened_pull_request_gets_one_review(github: ValidatedGitHub, postil: Postil) -> None:
    """The whole way: a delivery, a review with comments that explain themselves, a verdict."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    (review,) = pull.reviews
    (comment,) = pull.comments

    assert said(pull) == snapshot([("shop/pay.py", 5, "**Chain the new exception to its cause**")])
    assert verdicts(pull) == snapshot([("completed", "failure", "1 finding: 1 warning")])
    assert review.state == "COMMENTED"
    assert "https://postil.example.com/guide/" in comment.body
    assert "`raise-without-from`" in comment.body
    assert "```suggestion\n        raise PaymentFailed(card) from error\n```" in comment.body
    assert "1 found: 1 inline, 0 beside the diff, 0 folded, 0 suppressed · config defaults" in review.body
    assert "1 found: 1 inline" in (pull.check_runs[-1].summary or "")


async def test_a_redelivery_is_no_second_review(github: ValidatedGitHub, postil: Postil) -> None:
    """GitHub redelivers under the same id; the author is told once."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    opened = github.delivery("pull_request", "opened", pull=pull)
    await postil.receives(opened, opened)
    await postil.receives(opened)

    assert len(pull.reviews) == 1
    assert len(pull.check_runs) == 1


async def test_a_push_is_told_only_what_is_new(github: ValidatedGitHub, postil: Postil) -> None:
    """What was said stays; nothing is said twice."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.push({"shop/pay.py": "# Payments\n\n" + PAY, "shop/refund.py": REFUND})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert [(path, first) for path, _, first in said(pull)] == snapshot(
        [
            ("shop/pay.py", "**Chain the new exception to its cause**"),
            ("shop/refund.py", "**Chain the new exception to its cause**"),
        ]
    )
    assert len(pull.reviews) == 2
    assert "1 said before" in pull.reviews[-1].body


async def test_a_push_with_nothing_new_gets_no_review(github: ValidatedGitHub, postil: Postil) -> None:
    """A review that repeats itself is noise; the check run keeps the verdict."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.push({"b.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert len(pull.reviews) == 1
    assert verdicts(pull)[-1][:2] == ("completed", "failure")


async def test_the_author_may_ask_for_another_check(github: ValidatedGitHub, postil: Postil) -> None:
    """`/recheck` judges the same head again and says nothing twice."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    before = len(github.calls_without_tokens)
    comment = pull.comment("Mended, I think.\n/recheck", by=pull.author.login)
    await postil.receives(github.delivery("issue_comment", "created", comment=comment))

    assert len(github.calls_without_tokens) > before
    assert len(pull.reviews) == 1
    assert verdicts(pull)[-1][:2] == ("completed", "failure")
    assert len(pull.issue_comments) == 1


async def test_a_stranger_is_refused_politely(github: ValidatedGitHub, postil: Postil) -> None:
    """Anybody may comment on a public pull request; only its author and people with write access give orders."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    runs = len(pull.check_runs)
    comment = pull.comment("/recheck", by="stranger")
    await postil.receives(github.delivery("issue_comment", "created", comment=comment))

    assert pull.issue_comments[-1].body.split("\n<!--")[0].strip() == snapshot(
        "Sorry, `stranger`: `/recheck` is for the author and for people with write access."
    )
    assert len(pull.check_runs) == runs


async def test_a_clean_pull_request_gets_a_green_check_and_no_review(github: ValidatedGitHub, postil: Postil) -> None:
    """Nothing to say: nothing is said."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"b.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))

    assert pull.reviews == []
    assert verdicts(pull) == snapshot([("completed", "success", "No findings")])


async def test_a_file_that_ends_the_parser_costs_only_itself(github: ValidatedGitHub, postil: Postil) -> None:
    """The others are reviewed, and the check run names the one that was not, with the reason."""
    deep = "x = " + "[" * 5000 + "]" * 5000 + "\n"
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"deep.py": deep, "shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))

    assert [path for path, _, _ in said(pull)] == ["shop/pay.py"]
    assert [line for line in (pull.check_runs[-1].summary or "").split("\n") if "deep.py" in line] == snapshot(
        ["- `deep.py` could not be analysed: brackets nest deeper than 200 levels, which Python refuses as well."]
    )


async def test_a_502_after_the_review_was_made_is_one_review(github: ValidatedGitHub, postil: Postil) -> None:
    """GitHub's proxy may fail after the work is done; asking again blindly would say everything twice."""
    github.misbehave("POST", r"/pulls/\d+/reviews$", faults.BAD_GATEWAY_AFTER_THE_WORK)
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))

    assert len(pull.reviews) == 1
    assert verdicts(pull)[-1][:2] == ("completed", "failure")


async def test_a_wrong_signature_is_turned_away_and_nothing_is_stored(github: ValidatedGitHub, postil: Postil) -> None:
    """Anybody can reach the endpoint; only GitHub knows the secret."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    headers, body = github.delivery("pull_request", "opened", pull=pull)
    forged = {**headers, "X-Hub-Signature-256": "sha256=" + "0" * 64}

    assert await postil.answers(type(github.delivery("ping"))(forged, body)) == 401
    assert postil.stored() == 0


async def test_what_was_fixed_is_resolved_where_the_app_may(github: ValidatedGitHub, postil: Postil) -> None:
    """A comment that outlives its cause teaches people to skip the others."""
    github.grant(contents="write")
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY, "shop/refund.py": REFUND})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.push({"shop/pay.py": PAY.replace("PaymentFailed(card)", "PaymentFailed(card) from error")})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert [(thread.comments[0].path, thread.resolved_by is not None) for thread in pull.threads.values()] == [
        ("shop/pay.py", True),
        ("shop/refund.py", False),
    ]
    assert len(pull.reviews) == 1


async def test_what_was_fixed_is_minimised_without_that_right(github: ValidatedGitHub, postil: Postil) -> None:
    """Resolving a thread needs the right to write contents, which most installations rightly withhold."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY, "shop/refund.py": REFUND})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.push({"shop/pay.py": CLEAN, "shop/refund.py": CLEAN})
    pull.reply(pull.comments[1], "But why?", by="ada")
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert [comment.minimized for comment in pull.comments if comment.in_reply_to is None] == ["resolved", None]


async def test_what_was_fixed_is_said_in_the_comment_where_nothing_else_works(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """The last way needs no more than the right to comment."""
    github.misbehave("POST", r"/graphql$", faults.FORBIDDEN, skip=4)
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.push({"shop/pay.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert pull.comments[0].body.split("\n", 1)[0] == f"**Fixed in `{pull.head_sha[:7]}`.**"
    assert pull.comments[0].minimized is None


async def test_what_the_configuration_leaves_out_is_not_called_fixed(github: ValidatedGitHub, postil: Postil) -> None:
    """The code is as wrong as before; only the project wants to hear no more of it."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    github.commit({".github/postil.toml": '[per-path-ignores]\n"shop/*" = ["raise-without-from"]\n'})
    pull.push({"shop/pay.py": "# Payments\n\n" + PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert verdicts(pull)[-1][:2] == ("completed", "success")
    assert [(comment.minimized, comment.body.startswith("**Fixed")) for comment in pull.comments] == [(None, False)]


async def test_a_thread_that_a_person_resolved_stays_resolved(github: ValidatedGitHub, postil: Postil) -> None:
    """A refusal is final: the finding isn't said again, and its thread isn't touched."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.resolve(pull.comments[0], by="ada")
    pull.push({"shop/pay.py": "# Payments\n\n" + PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert len(pull.comments) == 1
    assert len(pull.reviews) == 1


async def test_a_comment_that_a_person_deleted_does_not_come_back(github: ValidatedGitHub, postil: Postil) -> None:
    """The review's own hidden line still tells what was said, so deleting a comment is heard as a refusal."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.comments.clear()
    pull.threads.clear()
    pull.push({"shop/pay.py": "# Payments\n\n" + PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert pull.comments == []
    assert len(pull.reviews) == 1


@pytest.mark.parametrize(("files", "calls"), [(5, 6), (50, 6), (60, 7)])
async def test_a_review_costs_six_calls(github: ValidatedGitHub, postil: Postil, files: int, calls: int) -> None:
    """A bot that asks for each file alone runs into GitHub's limits; a regression to that must be seen."""
    changed = {f"shop/m{number}.py": CLEAN for number in range(files - 1)} | {"shop/pay.py": PAY}
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files=changed)
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))

    assert len(github.calls_without_tokens) == calls, github.calls_without_tokens


CONFIG = """\
[tool.postil]
drafts = true
bots = "skip"
exclude = ["old/"]
thresold = "error"

[tool.postil.severities]
raise-without-from = "hint"

[tool.postil.per-path-ignores]
"tests/" = ["raise-without-from"]

[tool.postil.caps]
per-rule = 1
"""


async def test_the_configuration_of_the_base_branch_holds(github: ValidatedGitHub, postil: Postil) -> None:
    """What the pull request itself would like is not asked; and each mistake is named where its author looks."""
    head = {"pyproject.toml": "[tool.postil]\nselect = []\n", "shop/pay.py": PAY, "shop/refund.py": REFUND}
    pull = github.open_pull(
        base_files={"pyproject.toml": CONFIG}, head_files=head | {"old/pay.py": PAY, "tests/pay.py": PAY}, draft=True
    )
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    base = pull.repository.branch("main") or ""

    assert [(path, line) for path, line, _ in said(pull)] == [("shop/pay.py", 5)]
    assert verdicts(pull) == snapshot([("completed", "neutral", "2 findings: 2 hints; 1 fault in the configuration")])
    summary = pull.check_runs[-1].summary or ""
    assert (
        f"3 found: 1 inline, 0 beside the diff, 1 folded, 0 suppressed, 1 left out · config main@{base[:7]}" in summary
    )
    assert "`pyproject.toml` line 5: `thresold` is no key of `[tool.postil]`; did you mean `threshold`?" in summary


async def test_a_bot_is_left_alone_where_the_repository_says_so(github: ValidatedGitHub, postil: Postil) -> None:
    """The check run says it, since a check that never comes blocks the merge; and `/recheck` is an answer."""
    github.account("dependabot[bot]", "Bot")
    pull = github.open_pull(
        base_files={"pyproject.toml": CONFIG}, head_files={"shop/pay.py": PAY}, author="dependabot[bot]"
    )
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    alone = (verdicts(pull), len(pull.reviews))
    comment = pull.comment("/recheck", by=github.repository.owner.login)
    await postil.receives(github.delivery("issue_comment", "created", comment=comment))

    assert alone == ([("completed", "neutral", "Not reviewed: opened by a bot")], 0)
    assert len(pull.comments) == 1


async def test_the_command_line_says_what_the_app_posts(github: ValidatedGitHub, postil: Postil) -> None:
    """Configuration, caps and accounting included: who looks first is not surprised later."""
    allowed = REFUND.replace("Failed(card)", "Failed(card)  # postil: allow raise-without-from -- no cause to show")
    unused = CLEAN.replace("(prices)\n", "(prices)  # postil: allow raise-without-from\n")
    pull = github.open_pull(
        base_files={
            "pyproject.toml": CONFIG,
            "shop/a.py": CLEAN,
            "shop/b.py": WAIT.replace("import", "import slow as"),
        },
        head_files={
            "pyproject.toml": f"{CONFIG}{DEV}",
            "old/pay.py": PAY,
            "shop/a.py": unused,
            "shop/allowed.py": allowed,
            "shop/b.py": WAIT,
            "shop/broken.py": "def (\n",
            "shop/pay.py": PAY,
            "shop/refund.py": f"{REFUND}\n\n{REFUND}",
            "tests/pay.py": PAY,
        },
    )
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    folder = pull.repository.history.folder
    command = [sys.executable, "-m", "postil.cli", "review", f"main..{pull.head_sha}", "--format", "json"]
    done = await anyio.run_process([*command, "--repo", str(folder)], check=False)
    local = json.loads(done.stdout)
    run = pull.check_runs[-1]

    where = ("path", "line", "start_line", "side")
    assert [(*(each[key] for key in where), _words(each["body"])) for each in local["comments"]] == [
        (*(getattr(comment, key) for key in where), _words(comment.body)) for comment in pull.comments
    ]
    assert [(each["path"], each["line"], each["suggestion"] is not None) for each in local["comments"]] == snapshot(
        [
            ("shop/b.py", 1, False),
            ("pyproject.toml", 17, True),
            ("shop/a.py", 2, False),
            ("shop/a.py", 2, True),
            ("shop/pay.py", 5, True),
        ]
    )
    sums = ("found", "inline", "beside", "folded", "suppressed", "left_out")
    assert {key: local["accounting"][key] for key in sums} == snapshot(
        {"found": 9, "inline": 5, "beside": 0, "folded": 2, "suppressed": 1, "left_out": 1}
    )
    assert [problem["path"] for problem in local["problems"]] == snapshot(["shop/broken.py", "pyproject.toml"])
    assert _words(local["body"]) == _words(pull.reviews[-1].body)
    assert _words(local["check"]["summary"]) == _words(run.summary or "")
    assert (local["conclusion"], local["check"]["title"]) == (run.conclusion, run.title)


def _words(markdown: str) -> str:
    """The words of a text, without its hidden marker and without where its links lead."""
    return re.sub(
        r"\[((?:[^\[\]]|\\.)*)\]\([^)]*\)", r"\1", re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL)
    ).strip()


@pytest.mark.kill
async def test_a_killed_service_says_it_once_after_its_restart(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """A delivery that was answered is never lost, and a review that was posted is never posted again."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    # The review is made, and the answer comes late enough for the process to be killed before it reads it.
    github.misbehave("POST", r"/pulls/\d+/reviews$", faults.slow(20, after_the_work=True))
    own = f"127.0.0.1:{_free_port()}"
    with served(github) as url:
        github.url = url
        env = {
            "PATH": os.environ["PATH"],
            "POSTIL_GITHUB_APP_ID": github.app_id,
            "POSTIL_GITHUB_PRIVATE_KEY": app_key[0],
            "POSTIL_GITHUB_WEBHOOK_SECRET": github.webhook.secret,
            "POSTIL_GITHUB_API_URL": url,
            "POSTIL_PUBLIC_URL": f"http://{own}",
            "POSTIL_DATABASE_URL": f"sqlite:///{tmp_path / 'postil.db'}",
            "POSTIL_LISTEN": own,
        }
        github.webhook = Webhook(f"http://{own}/webhooks/github", github.webhook.secret)
        async with _serving(env):
            await _answers(f"http://{own}/health")
            assert await github.deliver(github.delivery("pull_request", "opened", pull=pull)) == 202
            await _until(lambda: bool(pull.reviews))
        async with _serving(env):
            await _until(lambda: any(run.status == "completed" for run in pull.check_runs))

    assert len(pull.reviews) == 1
    assert [run.conclusion for run in pull.check_runs if run.status == "completed"] == ["failure"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@asynccontextmanager
async def _serving(env: dict[str, str]) -> AsyncGenerator[None]:
    """The service as a process of its own, which is killed at the end, whatever happened."""
    command = [sys.executable, "-m", "postil.cli", "serve"]
    process = await anyio.open_process(command, env=env, stdout=None, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(timeout=5) as client:
        end = time.monotonic() + 180
        while time.monotonic() < end:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                await anyio.sleep(0.1)
    raise TimeoutError(url)


async def _until(happened: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await anyio.sleep(0.05)
