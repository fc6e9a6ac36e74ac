"""Commands in comments, the button on the check run and the merge queue, as people on a pull request see them."""

import re
import textwrap
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from postil.demo import faults
from postil.demo.state import FakePull, IssueComment
from story import CLEAN, PAY, REFUND, Postil, running, said, verdicts
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio


async def opened(github: ValidatedGitHub, postil: Postil, **base: str) -> FakePull:
    """A pull request with one mistake, reviewed."""
    pull = github.open_pull(base_files={"a.py": CLEAN, **base}, head_files={"shop/pay.py": PAY})
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    return pull


async def says(github: ValidatedGitHub, postil: Postil, pull: FakePull, body: str, by: str = "") -> IssueComment:
    """Somebody (the author, unless told) writes into the conversation, and what that asks for is done."""
    comment = pull.comment(body, by=by or pull.author.login)
    await postil.receives(github.delivery("issue_comment", "created", comment=comment))
    return comment


async def pushed(github: ValidatedGitHub, postil: Postil, pull: FakePull, files: dict[str, str | bytes | None]) -> None:
    """The author pushes, and what that asks for is done."""
    pull.push(files)
    await postil.receives(github.delivery("pull_request", "synchronize", pull=pull))


def answers(pull: FakePull) -> list[str]:
    """What was answered in the conversation, without the hidden lines."""
    ours = [comment for comment in pull.issue_comments if comment.user.type == "Bot"]
    return [folded(re.sub(r"\s*<!--.*?-->", "", comment.body, flags=re.DOTALL)) for comment in ours]


def folded(text: str) -> str:
    """A text with its lines broken where a page would break them."""
    lines = text.split("\n")
    return "\n".join(textwrap.fill(line, 100, break_long_words=False, break_on_hyphens=False) for line in lines)


def under(pull: FakePull, heading: str) -> list[str]:
    """The lines below a heading of the last check run's summary, without where their links lead."""
    summary = pull.check_runs[-1].summary or ""
    lines = summary.partition(f"**{heading}**\n\n")[2].split("\n\n")[0].split("\n")
    return [folded(re.sub(r"\]\([^)]*\)", "]", line)) for line in lines]


def reactions(comment: IssueComment) -> list[str]:
    """The reactions under a comment."""
    return [reaction.content for reaction in comment.reactions]


async def test_help_lists_what_one_may_write(github: ValidatedGitHub, postil: Postil) -> None:
    """Nobody should have to leave the pull request to learn it."""
    pull = await opened(github, postil)
    runs = len(pull.check_runs)
    await says(github, postil, pull, "/postil help")

    assert answers(pull) == snapshot(
        [
            """\
Commands for the author and for people with write access, each on a line of its own in a comment:

- `/recheck` reviews the pull request once more, also a draft or while reviews are paused
- `/postil help` lists these commands
- `/postil explain RULE` says what a rule looks for and why, with a link to its page
- `/postil ignore RULE [reason]` leaves a rule's findings out of this pull request; they are counted
and listed
- `/postil unignore RULE` takes that back
- `/postil pause` stops reviews of this pull request
- `/postil resume` takes that back, and reviews it
- `/postil config` tells which configuration holds, where it is from, and what is wrong in it\
"""
        ]
    )
    assert len(pull.check_runs) == runs


async def test_an_order_that_is_taken_back_at_once_holds_no_more(github: ValidatedGitHub, postil: Postil) -> None:
    """Both are answered by one run, and the later answer says what holds."""
    pull = await opened(github, postil)
    orders = [pull.comment(f"/postil {order} raise-without-from") for order in ("ignore", "unignore")]
    await postil.receives(*(github.delivery("issue_comment", "created", comment=order) for order in orders))
    await pushed(github, postil, pull, {"shop/b.py": CLEAN})

    assert len(answers(pull)) == 2
    assert verdicts(pull)[-1] == ("completed", "failure", "1 finding: 1 warning")


async def test_a_rule_is_explained_in_the_words_of_its_page(github: ValidatedGitHub, postil: Postil) -> None:
    """With the link; a slip is told the nearest name, and no name at all how to give one."""
    pull = await opened(github, postil)
    for asked in ("explain `raise-without-from`", "explain raise_without_form", "explain", "explain @all<b>"):
        await says(github, postil, pull, f"/postil {asked}")

    assert answers(pull) == snapshot(
        [
            """\
**Chain the new exception to its cause**

An exception raised in a handler without `from` is printed as "During handling of the above
exception, another exception occurred", which reads like a second bug. With `from` the traceback
says that the one caused the other, and `__cause__` carries it to error trackers.

[Error handling › Keep the
cause](https://postil.example.com/guide/1.0/error-handling#keep-the-cause) ·
[`raise-without-from`](https://postil.example.com/guide/1.0/error-handling/raise-without-from)

The rule is on in this repository.\
""",
            "There is no rule `raise-without-form`; did you mean `raise-without-from`?",
            "Which rule? Write `/postil explain RULE`.",
            "There is no rule `@all<b>`.",
        ]
    )


async def test_an_ignored_rule_is_counted_and_listed_and_not_said(github: ValidatedGitHub, postil: Postil) -> None:
    """With who wanted it and why: leaving something out is a decision that others must see."""
    github.grant(contents="write")
    pull = await opened(github, postil)
    await says(github, postil, pull, "/postil ignore raise-without-from -- legacy, @all <b>see</b> #12")
    after = verdicts(pull)[-1]
    await pushed(github, postil, pull, {"shop/refund.py": REFUND})

    assert answers(pull) == snapshot(
        [
            """\
`raise-without-from` is ignored in this pull request, by `ada`: legacy, @\u200ball \\<b\\>see\\</b\\> #\u200b12.

A review follows. `/postil unignore raise-without-from` takes this back.\
"""
        ]
    )
    assert after == snapshot(("completed", "success", "No findings; 1 ignored"))
    assert verdicts(pull)[-1] == snapshot(("completed", "success", "No findings; 2 ignored"))
    assert (pull.check_runs[-1].summary or "").split("\n\n")[1].partition(" · ")[0] == snapshot(
        "2 found: 0 inline, 0 beside the diff, 0 folded, 0 suppressed, 2 ignored"
    )
    assert under(pull, "Ignored in this pull request") == snapshot(
        [
            """\
- [`raise-without-from`] ([`shop/pay.py` line 5], [`shop/refund.py` line 5]), by `ada`: legacy,
@\u200ball \\<b\\>see\\</b\\> #\u200b12.\
"""
        ]
    )
    assert said(pull) == snapshot(
        [
            (
                "shop/pay.py",
                5,
                "**Ignored in this pull request** by `ada`: legacy, @\u200ball \\<b\\>see\\</b\\> #\u200b12.",
            )
        ]
    )
    assert [thread.resolved_by is not None for thread in pull.threads.values()] == [True]


async def test_what_is_heeded_again_comes_back(github: ValidatedGitHub, postil: Postil) -> None:
    """What was said before in its old thread, what came meanwhile as new; a thread that a person resolved stays so."""
    github.grant(contents="write")
    pull = github.open_pull(
        base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY, "shop/charge.py": PAY.replace("pay", "charge")}
    )
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    pull.resolve(next(each for each in pull.comments if each.path == "shop/charge.py"), by="ada")
    await says(github, postil, pull, "/postil ignore raise-without-from")
    await pushed(github, postil, pull, {"shop/refund.py": REFUND})
    await says(github, postil, pull, "/postil unignore raise-without-from")

    assert answers(pull)[-1] == snapshot("`raise-without-from` is heeded again. A review follows.")
    assert verdicts(pull)[-1] == snapshot(("completed", "failure", "3 findings: 3 warnings"))
    assert sorted((thread.comments[0].path, thread.resolved_by is None) for thread in pull.threads.values()) == [
        ("shop/charge.py", False),
        ("shop/pay.py", True),
        ("shop/refund.py", True),
    ]


async def test_an_ignored_comment_says_so_itself_where_nothing_can_be_resolved(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """It isn't hidden, as nobody could tell who hid it; and its old words come back."""
    pull = await opened(github, postil)
    before = pull.comments[0].body
    await says(github, postil, pull, "/postil ignore raise-without-from legacy")
    ignored = (pull.comments[0].body.split("\n")[0], pull.comments[0].minimized)
    await says(github, postil, pull, "/postil unignore raise-without-from")

    assert ignored == snapshot(("**Ignored in this pull request** by `ada`: legacy.", None))
    assert (pull.comments[0].body, pull.comments[0].minimized) == (before, None)


async def test_an_order_outlives_the_database_and_falls_with_its_answer(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """It stands where people read it: whoever deletes the answer takes the order back."""
    async with running(github, app_key, tmp_path) as postil:
        pull = await opened(github, postil)
        comment = pull.comment("/postil ignore raise-without-from legacy")
        delivery = github.delivery("issue_comment", "created", comment=comment)
        await postil.receives(delivery)
    (tmp_path / "new").mkdir()
    async with running(github, app_key, tmp_path / "new") as postil:
        await postil.receives(delivery)
        await pushed(github, postil, pull, {"shop/refund.py": REFUND})
        kept = (len(answers(pull)), verdicts(pull)[-1][1:])
        pull.issue_comments = [each for each in pull.issue_comments if each.user.type != "Bot"]
        await pushed(github, postil, pull, {"b.py": CLEAN})

    assert kept == snapshot((1, ("success", "No findings; 2 ignored")))
    assert verdicts(pull)[-1][1:] == snapshot(("failure", "2 findings: 2 warnings"))


@pytest.mark.parametrize("between", [", ", " and `"])
async def test_of_several_rules_on_a_line_the_second_is_said_to_be_heeded(
    github: ValidatedGitHub, postil: Postil, between: str
) -> None:
    """It would count as the reason, and its findings come as a surprise: an allowance in the code takes several."""
    pull = await opened(github, postil)
    await says(github, postil, pull, f"/postil ignore raise-without-from{between}print-in-service` for now")

    assert (
        answers(pull)[0]
        .replace("\n", " ")
        .endswith("A line is about one rule: `print-in-service` is not ignored by this one.")
    )


async def test_what_can_not_be_ignored_is_said_so(github: ValidatedGitHub, postil: Postil) -> None:
    """And nothing is reviewed anew for it."""
    pull = await opened(github, postil)
    runs = len(pull.check_runs)
    for asked in ("ignore raise-without-form", "ignore", "unignore raise-without-from", "unignore nonsense"):
        await says(github, postil, pull, f"/postil {asked}")

    assert answers(pull) == snapshot(
        [
            "There is no rule `raise-without-form`; did you mean `raise-without-from`?",
            "Which rule? Write `/postil ignore RULE [reason]`.",
            "`raise-without-from` is not ignored in this pull request.",
            "There is no rule `nonsense`.",
        ]
    )
    assert len(pull.check_runs) == runs


async def test_a_paused_pull_request_is_reviewed_when_somebody_asks(github: ValidatedGitHub, postil: Postil) -> None:
    """The check asks for action: a neutral one would let an author pause and then merge what is required."""
    pull = await opened(github, postil)
    await says(github, postil, pull, "/postil pause")
    await pushed(github, postil, pull, {"shop/refund.py": REFUND})
    paused = (verdicts(pull)[-1], pull.check_runs[-1].summary, len(pull.reviews))
    await says(github, postil, pull, "/recheck")
    rechecked = (verdicts(pull)[-1], len(pull.reviews))
    await pushed(github, postil, pull, {"shop/more.py": PAY.replace("pay", "more")})
    still = (verdicts(pull)[-1], len(pull.reviews))
    await says(github, postil, pull, "/postil pause")
    await says(github, postil, pull, "/postil resume")
    await says(github, postil, pull, "/postil resume")

    assert answers(pull) == snapshot(
        [
            """\
Reviews of this pull request are paused, and the check of a new push says so. `/postil resume` takes
that back; `/recheck` asks for one review.\
""",
            "Reviews are paused already, by `ada`.",
            "Reviews go on, and one follows.",
            "Reviews are not paused.",
        ]
    )
    assert paused == snapshot(
        (
            ("completed", "action_required", "Not reviewed: paused"),
            "`ada` paused reviews here. Comment `/postil resume` to go on, or `/recheck` for one review.",
            1,
        )
    )
    assert rechecked == snapshot((("completed", "failure", "2 findings: 2 warnings"), 2))
    assert still == snapshot((("completed", "action_required", "Not reviewed: paused"), 2))
    assert (verdicts(pull)[-1], len(pull.reviews)) == snapshot((("completed", "failure", "3 findings: 3 warnings"), 3))


async def test_the_configuration_that_holds_is_told(github: ValidatedGitHub, postil: Postil) -> None:
    """With where it is from, what it comes to, what is wrong in it, and what people ordered."""
    config = """\
threshold = "error"
drafts = true
thresold = "error"
ignore = ["raise-without-form"]

[severities]
raise-without-from = "hint"
"""
    pull = await opened(github, postil)
    await says(github, postil, pull, "/postil config")
    github.commit({".github/postil.toml": config})
    await says(github, postil, pull, "/postil pause\n/postil ignore print-in-service it's a script")
    await says(github, postil, pull, "/postil config")
    tip = pull.repository.branch("main") or ""
    first, _, last = (re.sub(r"\d+ of \d+", "N of M", text.replace(tip, "TIP")) for text in answers(pull))

    assert re.sub(r"main@\w{7}", "main@TIP", first) == snapshot("""\
The defaults hold: main@TIP has neither `.github/postil.toml` nor `[tool.postil]` in
`pyproject.toml`.

N of M rules are on. The check fails on errors and warnings. Drafts are not reviewed; what bots
open is.\
""")
    assert last.replace(tip[:7], "TIP") == snapshot("""\
The configuration is
[`.github/postil.toml`](https://github.com/acme/shop/blob/TIP/.github/postil.toml)
of main@TIP.

N of M rules are on. The check fails on errors. Drafts are reviewed; what bots open is.

What it changes:

- without `raise-without-form`
- hint: `raise-without-from`
- fails on errors only

What is wrong in it:

- line 3: `thresold` is no key of `[tool.postil]`; did you mean `threshold`?
- line 4: there is no rule `raise-without-form`; did you mean `raise-without-from`?

In this pull request:

- `print-in-service` is ignored, by `ada`: it's a script.
- reviews are paused, by `ada`\
""")


async def test_a_slip_is_answered_once_and_other_bots_words_never(github: ValidatedGitHub, postil: Postil) -> None:
    """What begins with our name can only be meant for us; `/retest` is somebody else's business."""
    pull = await opened(github, postil)
    calls = len(github.calls)
    await says(github, postil, pull, "/retest")
    await says(github, postil, pull, "/check\n\n/deploy staging")
    quiet = len(github.calls)
    await says(github, postil, pull, "/rechek")
    await says(github, postil, pull, "/postil expalin raise-without-from")
    await says(github, postil, pull, "/postil <img src=x> @all")

    assert quiet == calls
    assert answers(pull) == snapshot(
        [
            "There is no `/rechek`; did you mean `/recheck`? `/postil help` lists all commands.",
            """\
There is no `/postil expalin raise-without-from`; did you mean `/postil explain RULE`? `/postil
help` lists all commands.\
""",
            "There is no `/postil <img src=x> @all`; did you mean `/postil help`?",
        ]
    )


async def test_several_commands_run_in_order_and_get_one_answer(github: ValidatedGitHub, postil: Postil) -> None:
    """One notification is enough."""
    pull = await opened(github, postil)
    await says(github, postil, pull, "/postil pause\n/postil pause\n\nSorry:\n\n/postil resume\n/postil explian x")

    assert answers(pull) == snapshot(
        [
            """\
`/postil pause`

Reviews of this pull request are paused, and the check of a new push says so. `/postil resume` takes
that back; `/recheck` asks for one review.

`/postil pause`

Reviews are paused already, by `ada`.

`/postil resume`

Reviews go on, and one follows.

`/postil explian x`

There is no `/postil explian x`; did you mean `/postil explain RULE`? `/postil help` lists all
commands.\
"""
        ]
    )


async def test_only_the_author_and_those_who_may_write_command(github: ValidatedGitHub, postil: Postil) -> None:
    """For what only tells something too: an answer is a notification to everybody. A stranger's slip gets none."""
    github.collaborator("grace", "write")
    github.collaborator("reader", "read")
    pull = await opened(github, postil)
    await says(github, postil, pull, "/postil pause", by="stranger")
    await says(github, postil, pull, "/postil explain raise-without-from", by="reader")
    await says(github, postil, pull, "/rechek", by="stranger")
    await says(github, postil, pull, "/postil resume", by="grace")

    assert answers(pull) == snapshot(
        [
            "Sorry, `stranger`: `/postil pause` is for the author and for people with write access.",
            "Sorry, `reader`: `/postil explain` is for the author and for people with write access.",
            "Reviews are not paused.",
        ]
    )


async def test_bots_are_not_listened_to(github: ValidatedGitHub, postil: Postil) -> None:
    """Ourselves included: our answers show commands."""
    pull = await opened(github, postil)
    github.account("helper[bot]", "Bot")
    await says(github, postil, pull, "/postil help", by="helper[bot]")
    await says(github, postil, pull, "/postil help", by=github.bot.login)

    assert len(answers(pull)) == 2


async def test_a_person_who_is_called_like_the_app_that_opened_it_is_not_its_author(
    github: ValidatedGitHub, postil: Postil
) -> None:
    """GitHub's query tells an App's login without the end that tells it from a person's."""
    github.account("renovate[bot]", "Bot")
    pull = github.open_pull(base_files={"a.py": CLEAN}, head_files={"shop/pay.py": PAY}, author="renovate[bot]")
    await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    await says(github, postil, pull, "/postil pause", by="renovate")

    assert answers(pull) == ["Sorry, `renovate`: `/postil pause` is for the author and for people with write access."]


async def test_a_command_counts_wherever_a_person_can_write(github: ValidatedGitHub, postil: Postil) -> None:
    """In the words of a review, and in an answer to one of our comments; the answer stands in the conversation."""
    pull = await opened(github, postil)
    review = pull.review("Nearly there.\n\n/postil explain nonsense", by="acme")
    await postil.receives(github.delivery("pull_request_review", "submitted", review=review))
    answer = pull.reply(pull.comments[0], "/postil ignore raise-without-from this is a script", by="acme")
    await postil.receives(github.delivery("pull_request_review_comment", "created", comment=answer))

    assert answers(pull) == snapshot(
        [
            "There is no rule `nonsense`.",
            """\
`raise-without-from` is ignored in this pull request, by `acme`: this is a script.

A review follows. `/postil unignore raise-without-from` takes this back.\
""",
        ]
    )
    assert verdicts(pull)[-1][1:] == snapshot(("success", "No findings; 1 ignored"))
    assert [reaction.content for reaction in answer.reactions] == ["eyes", "+1"]


async def test_a_command_is_acknowledged_where_that_is_permitted(github: ValidatedGitHub, postil: Postil) -> None:
    """When it is read, and when all is done; without the right to react it is done all the same."""
    pull = await opened(github, postil)
    without = await says(github, postil, pull, "/recheck")
    github.grant(issues="write")
    with_right = await says(github, postil, pull, "/recheck")

    assert (reactions(without), reactions(with_right)) == ([], ["eyes", "+1"])
    assert answers(pull) == []


@pytest.mark.parametrize("fault", [faults.BAD_GATEWAY_AFTER_THE_WORK, faults.CONNECTION_RESET_AFTER_THE_WORK])
async def test_an_answer_whose_arrival_is_unknown_is_looked_for(
    github: ValidatedGitHub, postil: Postil, fault: faults.Fault
) -> None:
    """GitHub may have taken it; asking again blindly would say it twice."""
    pull = await opened(github, postil)
    github.misbehave("POST", r"/issues/\d+/comments$", fault)
    await says(github, postil, pull, "/postil pause")

    assert len(answers(pull)) == 1


@pytest.mark.parametrize("command", ["/postil pause", "/recheck"], ids=["an answer", "a refusal"])
async def test_an_answer_that_github_did_not_take_is_given_later(
    github: ValidatedGitHub, postil: Postil, command: str
) -> None:
    """It was noted as begun, and is looked for by its marker before it is sent: neither lost nor doubled."""
    pull = await opened(github, postil)
    github.misbehave("POST", r"/issues/\d+/comments$", faults.secondary_limit(1))
    await says(github, postil, pull, command, by="stranger" if command == "/recheck" else "")

    assert len(answers(pull)) == 1


async def test_a_redelivered_or_edited_comment_is_not_answered_again(github: ValidatedGitHub, postil: Postil) -> None:
    """GitHub may deliver twice, and people correct their spelling."""
    pull = await opened(github, postil)
    comment = pull.comment("/postil help")
    delivery = github.delivery("issue_comment", "created", comment=comment)
    await postil.receives(delivery, delivery)
    edited = github.delivery("issue_comment", "edited", comment=comment, changes={"body": {"from": "x"}})
    await postil.receives(edited)

    assert len(answers(pull)) == 1


async def test_orders_are_found_behind_many_comments(github: ValidatedGitHub, postil: Postil) -> None:
    """The context of a pull request holds the last hundred; what holds is looked for further back."""
    pull = await opened(github, postil)
    await says(github, postil, pull, "/postil pause")
    for number in range(120):
        pull.comment(f"Chatter {number}", by="ada")
    await pushed(github, postil, pull, {"shop/refund.py": REFUND})

    assert verdicts(pull)[-1][1:] == snapshot(("action_required", "Not reviewed: paused"))


async def test_check_again_reviews_from_scratch(github: ValidatedGitHub, postil: Postil) -> None:
    """What was learned of the installation is forgotten; who presses must be allowed to, as with `/recheck`."""
    pull = await opened(github, postil)
    run = pull.check_runs[-1]
    tokens = sum(call.is_token for call in github.calls)
    await postil.receives(github.delivery("check_run", "requested_action", run=run, sender=pull.author.login))
    after = (len(pull.check_runs), sum(call.is_token for call in github.calls) > tokens)
    await postil.receives(github.delivery("check_run", "requested_action", run=run, sender="stranger"))

    assert run.actions == snapshot(
        [{"label": "Check again", "description": "Review this pull request from scratch", "identifier": "recheck"}]
    )
    assert after == (2, True)
    assert verdicts(pull)[-1][1:] == snapshot(("failure", "1 finding: 1 warning"))
    assert len(pull.reviews) == 1
    assert answers(pull) == snapshot(
        ["Sorry, `stranger`: `/recheck` is for the author and for people with write access."]
    )
    assert len(pull.check_runs) == 2


async def test_a_merge_queue_is_answered_at_once(github: ValidatedGitHub, postil: Postil) -> None:
    """The queue waits for the check on a commit that no pull request has; "Re-run" on it is answered too."""
    pull = await opened(github, postil)
    sha = pull.enqueue()
    queued = github.delivery("merge_group", "checks_requested", pull=pull)
    await postil.receives(queued, queued)
    runs = [run for run in pull.repository.check_runs if run.head_sha == sha]
    await postil.receives(github.delivery("check_run", "rerequested", run=runs[0]))
    again = [run for run in pull.repository.check_runs if run.head_sha == sha]

    assert [(run.name, run.status, run.conclusion, run.title, run.summary) for run in runs] == snapshot(
        [
            (
                "Postil",
                "completed",
                "success",
                "Judged on each pull request",
                "What is in this queue was reviewed on its own pull requests, and nothing is said about it twice.",
            )
        ]
    )
    assert all(run.conclusion == "success" for run in again)
    assert len(pull.reviews) == 1


async def test_a_merge_queue_gets_its_answer_through_an_outage(github: ValidatedGitHub, postil: Postil) -> None:
    """A queue that waits for us holds up everybody; and a group that is gone meanwhile is nobody's fault."""
    pull = await opened(github, postil)
    sha = pull.enqueue()
    github.misbehave("POST", r"/check-runs$", faults.secondary_limit(1))
    await postil.receives(github.delivery("merge_group", "checks_requested", pull=pull))
    delivery = github.delivery("merge_group", "checks_requested", pull=pull)
    gone = github.deliveries.sign(
        "merge_group", delivery.payload | {"merge_group": {**delivery.payload["merge_group"], "head_sha": "0" * 40}}
    )
    await postil.receives(gone)

    assert [run.conclusion for run in pull.repository.check_runs if run.head_sha == sha] == ["success"]
