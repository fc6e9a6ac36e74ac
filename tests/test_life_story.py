"""A pull request's whole life, told as its author sees it: what becomes of reviews, comments, verdicts and refusals."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from inline_snapshot import snapshot

from postil.demo import faults
from postil.demo.deliveries import Delivery
from postil.demo.reviews import delete_comment
from postil.demo.state import FakePull
from story import CLEAN, PAY, REFUND, Postil, said, verdicts
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio

SHIP = PAY.replace("pay", "ship").replace("Payment", "Shipping")
FILES = r"/pulls/\d+/files"


@pytest.fixture
async def pull(github: ValidatedGitHub, postil: Postil) -> FakePull:
    """A pull request with one finding, which was reviewed."""
    opened = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=opened))
    assert said(opened) == [("shop/pay.py", 5, "**Chain the new exception to its cause**")]
    return opened


def ends(pull: FakePull) -> list[tuple[str | None, str | None]]:
    """The check runs on all heads, oldest first: conclusion and title. None of them spins."""
    assert {run.status for run in pull.check_runs} <= {"completed"}
    return [(run.conclusion, run.title) for run in pull.check_runs]


def threads(pull: FakePull) -> list[str]:
    """The state of each of our threads."""
    states = []
    for thread in pull.threads.values():
        first = thread.comments[0]
        closed = "resolved" if thread.resolved_by else "hidden" if first.minimized else "open"
        states.append(f"{first.path}: {closed}, {first.body.split(chr(10), 1)[0]}")
    return states


@asynccontextmanager
async def during_the_review(
    github: ValidatedGitHub, postil: Postil, pull: FakePull, action: str = "opened"
) -> AsyncGenerator[None]:
    """A delivery comes in; its review is held up half-way until all of the block has happened, and then goes on."""
    runs, go_on = len(pull.check_runs), asyncio.Event()
    github.misbehave("GET", FILES, faults.held(go_on))
    await postil.hears(github.delivery("pull_request", action, pull=pull))
    with anyio.fail_after(60):
        while len(pull.check_runs) == runs:  # noqa: ASYNC110
            await anyio.sleep(0.01)
    yield
    go_on.set()
    await postil.rests()


async def test_a_reopened_pull_request_is_judged_again_and_told_nothing_twice(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """Its comments still stand; only the verdict is new."""
    pull.close()
    await postil.receives(github.delivery("pull_request", "closed", pull=pull))
    pull.reopen()
    await postil.receives(github.delivery("pull_request", "reopened", pull=pull))

    assert len(pull.comments) == 1
    assert ends(pull) == [("failure", "1 finding: 1 warning")] * 2


async def test_a_push_while_it_was_closed_is_judged_when_it_is_reopened(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """Nobody reads a review of what is closed, but nothing may be forgotten for it."""
    pull.close()
    pull.push({"shop/refund.py": REFUND})
    await postil.receives(
        github.delivery("pull_request", "closed", pull=pull), github.delivery("pull_request", "synchronize", pull=pull)
    )
    closed = len(pull.reviews)
    pull.reopen()
    await postil.receives(github.delivery("pull_request", "reopened", pull=pull))

    assert closed == 1
    assert [path for path, _, _ in said(pull)] == ["shop/pay.py", "shop/refund.py"]
    assert ends(pull)[-1] == ("failure", "2 findings: 2 warnings")


async def test_a_rebase_says_nothing_again(github: ValidatedGitHub, postil: Postil, pull: FakePull) -> None:
    """All commits are new, and so are all line numbers; the author has read it all the same."""
    github.commit({"shop/a.py": "# Prices\n" + CLEAN})
    github.rebase(pull, {"shop/pay.py": "# Payments\n\n" + PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert len(pull.comments) == 1
    assert threads(pull) == ["shop/pay.py: open, **Chain the new exception to its cause**"]
    assert ends(pull)[-1] == ("failure", "1 finding: 1 warning")


async def test_a_force_push_during_the_review_leaves_no_check_spinning(github: ValidatedGitHub, postil: Postil) -> None:
    """GitHub refuses a review of a commit that is gone. Its check run says so, and the new head has its verdict."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        pull.push({"shop/refund.py": REFUND}, force=True)
    before = ends(pull)
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert before == [("cancelled", f"Superseded by {pull.head_sha[:7]}")]
    assert [path for path, _, _ in said(pull)] == ["shop/refund.py"]
    assert ends(pull)[-1] == ("failure", "1 finding: 1 warning")


async def test_what_the_new_base_has_as_well_is_not_the_authors_any_more(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """Another base is another diff: what it doesn't introduce is closed, and what it does is said."""
    base = github.commit({"shop/a.py": CLEAN, "shop/pay.py": PAY}, message="What was released")
    github.repository.history.set_ref("refs/heads/release", base)
    pull.push({"shop/refund.py": REFUND})
    github.rebase(pull, {"shop/pay.py": PAY, "shop/refund.py": REFUND})
    changes = pull.retarget("release")
    await postil.receives(github.delivery("pull_request", "edited", pull=pull, changes=changes))

    assert threads(pull) == [
        f"shop/pay.py: hidden, **No longer part of this pull request, as of `{pull.head_sha[:7]}`.**",
        "shop/refund.py: open, **Chain the new exception to its cause**",
    ]
    assert ends(pull)[-1] == ("failure", "1 finding: 1 warning")


async def test_another_base_brings_its_own_configuration(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """What the old base's configuration had said isn't called fixed for it, and comes back as it was with that base."""
    base = github.commit({".github/postil.toml": 'ignore = ["raise-without-from"]\n'}, message="What was released")
    github.repository.history.set_ref("refs/heads/release", base)
    github.commit({".github/postil.toml": None})
    summaries = []
    for target in ("release", "main"):
        changes = pull.retarget(target)
        await postil.receives(github.delivery("pull_request", "edited", pull=pull, changes=changes))
        summaries.append(pull.check_runs[-1].summary or "")

    assert [run.title for run in pull.check_runs] == ["1 finding: 1 warning", "No findings", "1 finding: 1 warning"]
    assert f"- `.github/postil.toml` at release@{base[:7]}: without `raise-without-from`." in summaries[0]
    assert "config defaults" in summaries[1]
    assert threads(pull) == ["shop/pay.py: open, **Chain the new exception to its cause**"]


async def test_a_base_that_changes_during_the_review_is_the_one_that_counts(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """The head is the same, and so is its check run: nothing superseded it."""
    github.repository.history.set_ref("refs/heads/release", github.commit({"shop/pay.py": PAY}))
    github.commit({"shop/pay.py": None})
    pull = github.open_pull(head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        changes = pull.retarget("release")
        await postil.hears(github.delivery("pull_request", "edited", pull=pull, changes=changes))

    assert pull.reviews == []
    assert ends(pull) == [("success", "No findings")]


async def test_a_new_title_is_no_new_review(github: ValidatedGitHub, postil: Postil, pull: FakePull) -> None:
    """The diff is the same."""
    changes = {"title": {"from": "A change"}}
    await postil.receives(github.delivery("pull_request", "edited", pull=pull, changes=changes))

    assert len(pull.check_runs) == 1


async def test_a_draft_waits_and_is_reviewed_when_it_is_ready(github: ValidatedGitHub, postil: Postil) -> None:
    """Converted during its review, it is left alone; what was found is said when the author is ready to hear it."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        pull.draft = True
        await postil.hears(github.delivery("pull_request", "converted_to_draft", pull=pull))
    waiting = (said(pull), ends(pull))
    pull.ready()
    await postil.receives(github.delivery("pull_request", "ready_for_review", pull=pull))

    assert waiting == ([], [("cancelled", "Not reviewed: a draft")])
    assert len(pull.comments) == 1
    assert ends(pull)[-1] == ("failure", "1 finding: 1 warning")


async def test_a_draft_is_reviewed_when_somebody_presses_re_run(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """GitHub lets the checks look as if they were waiting, and whoever pressed waits with them."""
    pull.draft = True
    pull.push({"shop/refund.py": REFUND})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    waiting = len(pull.check_runs)
    await postil.receives(github.delivery("check_run", "rerequested", run=pull.check_runs[-1]))

    assert waiting == 1
    assert ends(pull)[1:] == [("failure", "2 findings: 2 warnings")]


async def test_a_waiting_review_of_what_became_a_draft_takes_place_where_drafts_are_reviewed(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """Nothing asks for it a second time."""
    base = {".github/postil.toml": "drafts = true\n"}
    pull = github.open_pull(base_files=base, head_files={"shop/pay.py": PAY})
    opened = github.delivery("pull_request", "opened", pull=pull)
    pull.draft = True
    await postil.receives(opened, github.delivery("pull_request", "converted_to_draft", pull=pull))

    assert len(pull.comments) == 1
    assert ends(pull) == [("failure", "1 finding: 1 warning")]


async def test_what_is_closed_during_its_review_gets_none(github: ValidatedGitHub, postil: Postil) -> None:
    """And reopened at once it does."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        pull.close()
        await postil.hears(github.delivery("pull_request", "closed", pull=pull))
    closed = (said(pull), ends(pull))
    pull.reopen()
    await postil.receives(github.delivery("pull_request", "reopened", pull=pull))

    assert closed == ([], [("cancelled", "Not reviewed: closed")])
    assert len(pull.comments) == 1


@pytest.mark.parametrize("fork", [False, True], ids=["same repository", "fork"])
async def test_a_head_that_is_deleted_changes_nothing_that_was_said(
    github: ValidatedGitHub, postil: Postil, pull: FakePull, fork: bool
) -> None:
    """GitHub closes the pull request and keeps its commits; restored and reopened, it is judged as before."""
    if fork:
        pull = github.open_pull(head_files={"shop/pay.py": PAY}, fork=True)
        await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.delete_head()
    await postil.receives(github.delivery("pull_request", "closed", pull=pull))
    command = pull.comment("/recheck")
    await postil.receives(github.delivery("issue_comment", "created", comment=command))
    gone = (threads(pull), ends(pull))
    pull.reopen()
    await postil.receives(github.delivery("pull_request", "reopened", pull=pull))

    assert gone == (
        ["shop/pay.py: open, **Chain the new exception to its cause**"],
        [("failure", "1 finding: 1 warning")],
    )
    assert len(pull.comments) == 1
    assert ends(pull)[1:] == [("failure", "1 finding: 1 warning")]


async def test_a_head_that_is_deleted_during_the_review_leaves_no_check_spinning(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """As people do who think better of it: GitHub closes the pull request, and nothing is said any more."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        pull.delete_head()
        await postil.hears(github.delivery("pull_request", "closed", pull=pull))

    assert said(pull) == []
    assert ends(pull) == [("cancelled", "Not reviewed: closed")]


async def test_a_pull_request_of_a_fork_that_is_gone_is_reviewed(github: ValidatedGitHub, postil: Postil) -> None:
    """GitHub shows "unknown repository", and keeps the commits in the base repository."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY}, fork=True)
    pull.fork_gone = True
    opened = github.delivery("pull_request", "opened", pull=pull)
    await postil.receives(opened)

    assert opened.payload["pull_request"]["head"]["repo"] is None
    assert len(pull.comments) == 1
    assert ends(pull) == [("failure", "1 finding: 1 warning")]


async def test_a_repository_that_is_renamed_during_the_review_is_reviewed(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """GitHub redirects what is asked under the former name."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        github.rename("store")

    assert len(pull.comments) == 1
    assert ends(pull) == [("failure", "1 finding: 1 warning")]


async def test_a_repository_with_another_owner_is_reviewed_there(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """Another installation sees it now; what was said and refused in it went along."""
    pull.push({"shop/refund.py": REFUND})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    pull.resolve(pull.comments[1], by="ada")
    github.transfer("globex")
    pull.push({"shop/pay.py": CLEAN, "shop/refund.py": "# Refunds\n" + REFUND, "shop/ship.py": SHIP})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert threads(pull) == [
        f"shop/pay.py: hidden, **Fixed in `{pull.head_sha[:7]}`.**",
        "shop/refund.py: resolved, **Chain the new exception to its cause**",
        "shop/ship.py: open, **Chain the new exception to its cause**",
    ]
    assert ends(pull)[-1] == ("failure", "2 findings: 2 warnings")


def transferred(github: ValidatedGitHub) -> list[Delivery]:
    """The repository goes to another owner, who has the App as well."""
    return list(github.transfer("globex"))


def shown_again(github: ValidatedGitHub) -> list[Delivery]:
    """The App is taken from the repository, and given it back."""
    return [github.hide(), github.show()]


def installed_anew(github: ValidatedGitHub) -> list[Delivery]:
    """The App is removed from the account and installed again, as another installation."""
    deleted = github.delivery("installation", "deleted")
    github.installation.removed = True
    github.installation = github.install(github.owner)
    github.installation.repositories.append(github.repository)
    return [deleted, github.delivery("installation", "created")]


@pytest.mark.parametrize("told", ["during", "after"])
@pytest.mark.parametrize("happens", [transferred, shown_again, installed_anew])
async def test_a_review_that_loses_sight_of_its_repository_is_done_when_that_is_seen_again(
    github: ValidatedGitHub, postil: Postil, happens: Callable[[ValidatedGitHub], list[Delivery]], told: str
) -> None:
    """GitHub doesn't send the pull request's event again; whether the run has ended by then makes no difference."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        deliveries = happens(github)
        if told == "during":
            await postil.hears(*deliveries)
    if told == "after":
        await postil.receives(*deliveries)

    assert said(pull) == [("shop/pay.py", 5, "**Chain the new exception to its cause**")]
    assert ends(pull) == [("failure", "1 finding: 1 warning")]


async def test_what_waits_for_a_repository_and_is_closed_meanwhile_has_its_check_ended(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """Nobody told of the closing, as nobody was there to be told."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        await postil.hears(github.hide())
    pull.close()
    await postil.receives(github.show())

    assert said(pull) == []
    assert ends(pull) == [("cancelled", "Not reviewed: closed")]


async def test_a_push_under_the_new_name_waits_for_the_review_under_the_former(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """It is the same pull request: two reviews at once would say everything twice."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        github.rename("store")
        pull.push({"shop/refund.py": REFUND})
        await postil.hears(github.delivery("pull_request", "synchronize", pull=pull))

    assert [path for path, _, _ in said(pull)] == ["shop/pay.py", "shop/refund.py"]
    assert ends(pull) == [
        ("cancelled", f"Superseded by {pull.head_sha[:7]}"),
        ("failure", "2 findings: 2 warnings"),
    ]


async def test_a_new_repository_under_the_former_name_has_a_life_of_its_own(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """Its pull request has the same name and number, and nothing was said on it."""
    github.rename("store")
    other = github.add_repository("shop2")
    other.name = "shop"
    another = github.open_pull(head_files={"shop/pay.py": PAY}, repository=other)
    await postil.receives(github.delivery("pull_request", "opened", pull=another))
    pull.push({"shop/refund.py": REFUND})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert (another.number, [path for path, _, _ in said(another)]) == (pull.number, ["shop/pay.py"])
    assert [path for path, _, _ in said(pull)] == ["shop/pay.py", "shop/refund.py"]


async def test_tokens_that_end_during_the_review_are_replaced(github: ValidatedGitHub, postil: Postil) -> None:
    """They live for an hour, and GitHub may revoke them before."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        github.revoke_tokens()

    assert len(pull.comments) == 1
    assert ends(pull) == [("failure", "1 finding: 1 warning")]


async def test_a_suspended_app_goes_on_where_it_stopped(github: ValidatedGitHub, postil: Postil) -> None:
    """GitHub sends no event again when the suspension ends; the check run that was begun is gone on with."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        github.installation.suspended = True
        await postil.hears(github.delivery("installation", "suspend"))
    stopped = (said(pull), verdicts(pull))
    github.installation.suspended = False
    await postil.receives(github.delivery("installation", "unsuspend"))

    assert stopped == ([], [("in_progress", None, "Checking")])
    assert len(pull.comments) == 1
    assert ends(pull) == [("failure", "1 finding: 1 warning")]


async def test_a_permission_that_is_granted_cures_what_failed_without_it(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """Nobody has to push again, or to find the failed run."""
    github.grant(checks="none")
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    without = len(pull.reviews)
    github.grant(checks="write")
    await postil.receives(github.delivery("installation", "new_permissions_accepted"))

    assert without == 0
    assert ends(pull) == [("failure", "1 finding: 1 warning")]


async def test_an_app_that_is_removed_during_the_review_stops(github: ValidatedGitHub, postil: Postil) -> None:
    """Nothing is posted, and nothing is tried again."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with during_the_review(github, postil, pull):
        github.installation.removed = True
        await postil.hears(github.delivery("installation", "deleted"))

    assert said(pull) == []


async def test_a_fault_that_comes_back_is_said_again(github: ValidatedGitHub, postil: Postil, pull: FakePull) -> None:
    """Its first comment was closed as fixed and is folded away: nobody would see that the fault is there again."""
    pull.push({"shop/pay.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    fixed = threads(pull)
    pull.push({"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert fixed == [f"shop/pay.py: hidden, **Fixed in `{pull.heads[1][:7]}`.**"]
    assert threads(pull)[1:] == ["shop/pay.py: open, **Chain the new exception to its cause**"]
    assert ends(pull)[-1] == ("failure", "1 finding: 1 warning")


async def test_an_answered_thread_is_only_ever_resolved(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """What a person wrote is not folded away with our comment, and our comment stays what the answer is about."""
    pull.reply(pull.comments[0], "Is that really so?", by="ada")
    pull.push({"shop/pay.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    without_the_right = threads(pull)
    github.grant(contents="write")
    await postil.receives(github.delivery("installation", "new_permissions_accepted"))
    pull.push({"shop/b.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert without_the_right == ["shop/pay.py: open, **Chain the new exception to its cause**"]
    assert threads(pull) == ["shop/pay.py: resolved, **Chain the new exception to its cause**"]


async def test_a_thread_that_a_person_opens_again_is_not_closed_a_second_time(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """Who reopens it disagrees, and a bot that insists is a nuisance."""
    github.grant(contents="write")
    pull.push({"shop/pay.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    (thread,) = pull.threads.values()
    closed, thread.resolved_by = thread.resolved_by, None
    pull.push({"shop/b.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert closed == github.bot
    assert thread.resolved_by is None


@pytest.mark.parametrize("way", ["resolved", "deleted"])
async def test_a_refusal_is_final(github: ValidatedGitHub, postil: Postil, pull: FakePull, way: str) -> None:
    """Not after the file was renamed, not after a rebase, not for `/recheck`, not when it was fixed and comes back."""
    (comment,) = pull.comments
    if way == "resolved":
        pull.resolve(comment, by="ada")
    else:
        delete_comment(pull, comment)
    pull.push({"shop/pay.py": None, "shop/payment.py": "# Payments\n\n" + PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    github.commit({"shop/a.py": "# Prices\n" + CLEAN})
    github.rebase(pull, {"shop/payment.py": PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    command = pull.comment("/recheck")
    await postil.receives(github.delivery("issue_comment", "created", comment=command))
    for text in (CLEAN, PAY):
        pull.push({"shop/payment.py": text})
        await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert len(pull.reviews) == 1
    assert len(pull.comments) == (1 if way == "resolved" else 0)
    assert "1 said before" in (pull.check_runs[-1].summary or "")
    assert ends(pull)[-1] == snapshot(("failure", "1 finding: 1 warning"))


async def test_a_copy_of_a_refused_finding_is_a_finding(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """What was refused is this one, where it stands: another file with the same code is another matter."""
    pull.resolve(pull.comments[0], by="ada")
    pull.push({"shop/other.py": PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert [path for path, _, _ in said(pull)] == ["shop/pay.py", "shop/other.py"]
