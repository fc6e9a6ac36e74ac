"""What became of comments, from the pull request to the database, and what follows for rules."""

import asyncio
import re
import textwrap
from pathlib import Path

import pytest
import sqlalchemy as sa
from inline_snapshot import snapshot
from typer.testing import CliRunner

from postil.cli import app as command_line
from postil.demo.reviews import delete_comment
from postil.demo.state import FakePull
from postil.jobs.schema import receptions, steps
from story import CLEAN, PAY, REFUND, Postil, running, verdicts
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio

MENDED = PAY.replace("PaymentFailed(card)", "PaymentFailed(card) from error")
ALLOWED = PAY.replace("Failed(card)", "Failed(card)  # postil: allow raise-without-from -- no cause to show")


@pytest.fixture
async def pull(github: ValidatedGitHub, postil: Postil) -> FakePull:
    """A pull request with one comment."""
    opened = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=opened))
    return opened


def fates(postil: Postil) -> list[tuple[str, str]]:
    """What is written down of comments: rule and fate, in the order in which they were said."""
    with postil.engine.connect() as connection:
        rows = connection.execute(sa.select(receptions).order_by(receptions.c.said, receptions.c.run))
        return [(row.rule, row.fate) for row in rows]


def grow_old(postil: Postil) -> None:
    """An hour passes since everything was said."""
    with postil.engine.begin() as connection:
        connection.execute(sa.update(receptions).values(said=receptions.c.said - 3600))


async def pushes(github: ValidatedGitHub, postil: Postil, pull: FakePull, **files: str) -> None:
    """The author pushes files of the shop."""
    pull.push({f"shop/{name}.py": text for name, text in files.items()})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))


async def ends(github: ValidatedGitHub, postil: Postil, pull: FakePull, *, merged: bool) -> None:
    """Somebody closes the pull request."""
    (pull.merge if merged else pull.close)()
    await postil.receives(github.delivery("pull_request", "closed", pull=pull))


async def test_a_comment_is_known_from_the_moment_that_it_is_posted(postil: Postil, pull: FakePull) -> None:
    """Otherwise one that is deleted before the next push would never have been there."""
    assert len(pull.comments) == 1
    assert fates(postil) == [("raise-without-from", "open")]


@pytest.mark.parametrize("resolved", [False, True])
async def test_what_a_later_push_mends_is_fixed_whoever_closed_the_thread(
    github: ValidatedGitHub, postil: Postil, pull: FakePull, resolved: bool
) -> None:
    """Many resolve a thread first, and push the fix afterwards; and it stays so at the end."""
    if resolved:
        pull.resolve(pull.comments[0])
    await pushes(github, postil, pull, pay=MENDED)
    mended = fates(postil)
    await ends(github, postil, pull, merged=True)

    assert mended == [("raise-without-from", "fixed")]
    assert fates(postil) == mended


@pytest.mark.parametrize("answer", ["resolved", "hidden", "deleted", "-1"])
async def test_a_refusal_is_heard_with_the_next_push_or_at_the_end(
    github: ValidatedGitHub, postil: Postil, pull: FakePull, answer: str
) -> None:
    """In whatever way somebody says that it isn't worth it; the fault is still there."""
    grow_old(postil)
    match answer:
        case "resolved":
            pull.resolve(pull.comments[0])
        case "hidden":
            pull.comments[0].minimized = "off-topic"
        case "deleted":
            delete_comment(pull, pull.comments[0])
        case _:
            pull.react(pull.comments[0], answer, by="bob")
    expected = {"hidden": "resolved", "-1": "disliked"}.get(answer, answer)
    await ends(github, postil, pull, merged=True)
    at_the_end = fates(postil)
    pull.merged = False
    pull.reopen()
    await postil.receives(github.delivery("pull_request", "reopened", pull=pull))

    assert at_the_end == [("raise-without-from", expected)]
    assert fates(postil) == at_the_end


async def test_a_thumb_up_is_a_word_for_a_comment(github: ValidatedGitHub, postil: Postil, pull: FakePull) -> None:
    """It outweighs a thumb down, and is counted by itself; the emojis of other moods mean nothing."""
    for content, login in (("-1", "bob"), ("+1", "eve"), ("confused", "mallory")):
        pull.react(pull.comments[0], content, by=login)
    await pushes(github, postil, pull, b=CLEAN)
    with postil.engine.connect() as connection:
        liked = connection.execute(sa.select(receptions.c.liked)).scalars().all()

    assert fates(postil) == [("raise-without-from", "open")]
    assert liked == [True]


async def test_what_is_allowed_in_the_code_is_no_fault_of_the_author(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """With a reason or without one, somebody had to write it because of us."""
    await pushes(github, postil, pull, pay=ALLOWED)
    allowed = fates(postil)
    await ends(github, postil, pull, merged=True)

    assert allowed == [("raise-without-from", "allowed")]
    assert fates(postil) == allowed


async def test_an_ignored_rule_was_allowed_until_it_is_heeded_again(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """The command is a reason like the one in the code."""
    known = []
    for said in ("/postil ignore raise-without-from our style", "/postil unignore raise-without-from"):
        comment = pull.comment(said)
        await postil.receives(github.delivery("issue_comment", "created", comment=comment))
        known += fates(postil)

    assert known == [("raise-without-from", "allowed"), ("raise-without-from", "open")]


@pytest.mark.parametrize(("merged", "fate"), [(True, "left"), (False, "dropped")])
async def test_what_is_open_at_the_end_is_written_down_with_one_call(
    github: ValidatedGitHub, postil: Postil, pull: FakePull, merged: bool, fate: str
) -> None:
    """Closing costs what a look at the pull request costs, and nothing else."""
    github.calls.clear()
    await ends(github, postil, pull, merged=merged)

    assert fates(postil) == [("raise-without-from", fate)]
    assert len(github.calls_without_tokens) == 1


async def test_a_reopened_pull_request_goes_on(github: ValidatedGitHub, postil: Postil, pull: FakePull) -> None:
    """Closing it was no answer, and what happens now is."""
    await ends(github, postil, pull, merged=False)
    pull.reopen()
    await postil.receives(github.delivery("pull_request", "reopened", pull=pull))
    reopened = fates(postil)
    await pushes(github, postil, pull, pay=MENDED)

    assert reopened == [("raise-without-from", "open")]
    assert fates(postil) == [("raise-without-from", "fixed")]


async def test_a_file_that_leaves_the_pull_request_answers_nothing(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """Its author may have found the whole change wrong, or the comment, or moved it to another branch."""
    pull.push({"shop/pay.py": None, "shop/refund.py": REFUND})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert fates(postil) == [("raise-without-from", "dropped"), ("raise-without-from", "open")]


async def test_a_fault_that_comes_back_is_another_comment(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """The first one was fixed, and stays that."""
    await pushes(github, postil, pull, pay=MENDED)
    await pushes(github, postil, pull, pay=PAY)

    assert len(pull.comments) == 2
    assert fates(postil) == [("raise-without-from", "fixed"), ("raise-without-from", "open")]


async def test_a_renamed_file_and_repository_change_nothing(
    github: ValidatedGitHub, postil: Postil, pull: FakePull
) -> None:
    """It is the same comment on the same pull request."""
    github.rename("store")
    pull.push({"shop/pay.py": None, "shop/payment.py": PAY})
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))

    assert fates(postil) == [("raise-without-from", "open")]


async def test_a_pull_request_that_nobody_spoke_about_leaves_nothing(github: ValidatedGitHub, postil: Postil) -> None:
    """What is written down is about comments, and about nobody's work besides."""
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/b.py": CLEAN})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    await ends(github, postil, pull, merged=True)

    assert fates(postil) == []


CAPS = "[tool.postil.caps]\nper-rule = 50\ninline = 50\n"


async def answered(github: ValidatedGitHub, postil: Postil, *, refused: int, fixed: int) -> None:
    """A pull request with so many comments of one rule, whose author refuses the first of them and mends the others."""
    names = [f"p{number}" for number in range(refused + fixed)]
    pull = github.open_pull(base_files={"pyproject.toml": CAPS}, head_files={f"shop/{name}.py": PAY for name in names})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    assert len(pull.comments) == refused + fixed
    for comment in sorted(pull.comments, key=lambda each: each.path)[:refused]:
        pull.resolve(comment)
    await pushes(github, postil, pull, **dict.fromkeys(sorted(names)[refused:], MENDED), more=CLEAN)


async def opened(github: ValidatedGitHub, postil: Postil, number: int, config: str = "") -> FakePull:
    """Another pull request with one fault of that rule, reviewed."""
    base = {".github/postil.toml": config} if config else None
    pull = github.open_pull(base_files=base, head_files={f"shop/other{number}.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    return pull


def standings(postil: Postil) -> list[tuple[str, str]]:
    """The steps that were taken: scope and standing."""
    with postil.engine.connect() as connection:
        return [(row.scope, row.standing) for row in connection.execute(sa.select(steps).order_by(steps.c.scope))]


def stepped_back(pull: FakePull) -> str:
    """What the newest check run says about rules that stepped back."""
    summary = pull.check_runs[-1].summary or ""
    return readable(summary.partition("**Stepped back**\n\n")[2].partition("\n\nThis check")[0])


def readable(text: str) -> str:
    """A text without its date, in lines."""
    lines = re.sub(r"\d{4}-\d\d-\d\d", "DATE", text).split("\n")
    return "\n".join(textwrap.fill(line, 100, break_long_words=False, break_on_hyphens=False) for line in lines)


async def test_a_rule_that_people_refuse_too_often_is_annotated_only_and_fails_nothing(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """It still shows where somebody looks for it, and the check says why it doesn't speak."""
    await answered(github, postil, refused=5, fixed=7)
    pull = await opened(github, postil, 1)
    (annotation,) = pull.check_runs[-1].annotations

    assert standings(postil) == [("repository", "probation")]
    assert (pull.comments, pull.reviews) == ([], [])
    assert verdicts(pull) == [("completed", "neutral", "1 finding: 1 warning; 1 on probation")]
    assert annotation["annotation_level"] == "notice"
    assert "1 found: 0 inline, 0 beside the diff, 0 folded, 0 suppressed, 1 on probation · config" in (
        pull.check_runs[-1].summary or ""
    )
    assert stepped_back(pull) == snapshot("""\
- [`raise-without-from`](https://postil.example.com/guide/1.0/error-handling/raise-without-from) is
on probation: it is annotated only, and fails nothing. Of 12 comments that got an answer in this
repository up to DATE, 7 were fixed, 5 refused and 0 allowed: 42% weren't wanted (15% to 74%).
- An operator of Postil brings a rule back, and so does a severity for it in the configuration.\
""")


async def test_a_rule_that_nobody_wants_is_off_and_named(github: ValidatedGitHub, postil: Postil) -> None:
    """What was said before stays as it is: nobody looked for it, so nothing of it is called fixed."""
    earlier = await opened(github, postil, 0)
    await answered(github, postil, refused=12, fixed=0)
    pull = await opened(github, postil, 1)
    question = pull.comment("/postil config")
    await postil.receives(github.delivery("issue_comment", "created", comment=question))
    await pushes(github, postil, earlier, other0=MENDED)
    answer = pull.issue_comments[-1].body.partition("\n\n<!--")[0].partition("What stepped back:\n\n")[2]

    assert standings(postil) == [("repository", "off")]
    assert verdicts(pull)[-1] == ("completed", "success", "No findings")
    assert stepped_back(pull) == snapshot("""\
- [`raise-without-from`](https://postil.example.com/guide/1.0/error-handling/raise-without-from) is
not run. Of 12 comments that got an answer in this repository up to DATE, 0 were fixed, 12 refused
and 0 allowed: 100% weren't wanted (64% to 100%).
- An operator of Postil brings a rule back, and so does a severity for it in the configuration.\
""")
    assert readable(answer) == snapshot("""\
- `raise-without-from` is not run. Of 12 comments that got an answer in this repository up to DATE,
0 were fixed, 12 refused and 0 allowed: 100% weren't wanted (64% to 100%).
- An operator of Postil brings a rule back, and so does a severity for it in the configuration.\
""")
    assert [comment.minimized for comment in earlier.comments] == [None]


async def test_a_severity_in_the_configuration_goes_before_what_people_refused(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """The repository's people have said what they want, by its present name or a former one."""
    await answered(github, postil, refused=12, fixed=0)
    config = '[severities]\nraise-without-from = "error"\n'
    wanted = await opened(github, postil, 1, config)

    assert len(wanted.comments) == 1
    assert verdicts(wanted) == [("completed", "failure", "1 finding: 1 error")]
    assert stepped_back(wanted) == ""


async def test_a_rule_that_an_operator_restored_speaks_again_and_is_judged_anew(
    github: ValidatedGitHub, postil: Postil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused before counts no more, though its pull request goes on."""
    await answered(github, postil, refused=12, fixed=0)
    monkeypatch.setenv("POSTIL_DATABASE_URL", postil.database)
    done = await asyncio.to_thread(CliRunner().invoke, command_line, ["rules", "--restore", "raise-without-from"])
    pull = await opened(github, postil, 1)
    pull.resolve(pull.comments[0])
    await pushes(github, postil, pull, more=CLEAN)

    assert done.stdout == "raise-without-from is judged anew everywhere; 1 step is undone.\n"
    assert len(pull.comments) == 1
    assert standings(postil) == []


async def test_no_rule_steps_back_where_the_operator_does_not_want_it(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """The figures are there all the same."""
    async with running(github, app_key, tmp_path, STEP_BACK="false") as postil:
        await answered(github, postil, refused=12, fixed=0)
        pull = await opened(github, postil, 1)

        assert standings(postil) == []
        assert len(pull.comments) == 1
        assert fates(postil).count(("raise-without-from", "resolved")) == 12
