"""What becomes of a comment when its cause is gone, as its author and the installation's owner see it."""

from pathlib import Path

import pytest

from postil.review.marker import marker
from story import CLEAN, PAY, Postil, running, verdicts
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio

MENDED = PAY.replace("PaymentFailed(card)", "PaymentFailed(card) from error")


def refusals(github: ValidatedGitHub) -> int:
    """How often a token with rights was asked for that the installation doesn't grant."""
    return sum(call.is_token and call.status == 422 for call in github.calls)


async def fixed(github: ValidatedGitHub, postil: Postil, number: int) -> str | None:
    """Open a pull request with a mistake, mend it, and tell how its comment was closed."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={f"pay{number}.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.push({f"pay{number}.py": MENDED})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    (thread,) = pull.threads.values()
    return "resolved" if thread.resolved_by else thread.comments[0].minimized and "minimised"


async def test_the_way_that_an_installation_allows_is_remembered_across_restarts(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """What isn't permitted is asked for once, and not on every push to every pull request."""
    async with running(github, app_key, tmp_path) as service:
        first = await fixed(github, service, 1)
    asked = refusals(github)
    async with running(github, app_key, tmp_path) as service:
        second = await fixed(github, service, 2)

    assert (first, second) == ("minimised", "minimised")
    assert (asked, refusals(github)) == (1, 1)


async def test_new_permissions_are_used_from_then_on(github: ValidatedGitHub, postil: Postil) -> None:
    """GitHub tells of them; nobody has to restart anything."""
    first = await fixed(github, postil, 1)
    github.grant(contents="write")
    await postil.receives(github.delivery("installation", "new_permissions_accepted"))
    second = await fixed(github, postil, 2)

    assert (first, second) == ("minimised", "resolved")


async def test_a_way_that_is_withdrawn_is_replaced_by_the_next(github: ValidatedGitHub, postil: Postil) -> None:
    """Even when the news of it was lost: an error teaches the same."""
    github.grant(contents="write")
    first = await fixed(github, postil, 1)
    github.grant(contents="read")
    github.revoke_tokens()
    second = await fixed(github, postil, 2)

    assert (first, second) == ("resolved", "minimised")


async def test_a_thread_in_which_people_wrote_goes_on_when_its_fault_comes_back(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """What was agreed there is the context of the fault; a second thread would begin without it."""
    github.grant(contents="write")
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.reply(pull.comments[0], "Right, I'll chain it.")
    (thread,) = pull.threads.values()
    closed = []
    for text in (MENDED, PAY):
        pull.push({"pay.py": text})
        await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
        closed.append(thread.resolved_by is not None)

    assert closed == [True, False]
    assert len(pull.threads) == 1
    assert verdicts(pull)[-1][:2] == ("completed", "failure")


@pytest.mark.parametrize("old", [False, True], ids=["today's marker", "an older marker"])
async def test_a_rule_that_was_switched_off_fixes_nothing(github: ValidatedGitHub, postil: Postil, old: bool) -> None:
    """Nobody looked for it any more, so nobody knows; an older comment names the rule only to its reader."""
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    if old:
        text, _, line = pull.comments[0].body.rpartition("<!--")
        found = line.partition("found=")[2].split(" ")[0]
        pull.comments[0].body = text + marker("acme/shop#1@run 1", pull.head_sha, [found], b"")
    github.commit({".github/postil.toml": 'ignore = ["raise-without-from"]\n'})
    pull.push({"b.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))
    untouched = [(comment.minimized, comment.body.startswith("**Fixed")) for comment in pull.comments]
    github.commit({".github/postil.toml": "ignore = []\n"})
    pull.push({"pay.py": MENDED})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert untouched == [(None, False)]
    assert verdicts(pull)[-1][:2] == ("completed", "success")
    assert pull.comments[0].minimized == "resolved"
