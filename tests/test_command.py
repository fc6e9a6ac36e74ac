"""What a slash command in a comment means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postil.review.command import MOST, RECHECK, Command, nearest, parse, read_line


@pytest.mark.parametrize(
    "body",
    [
        "/recheck",
        "/ReCheck",
        "/recheck  \t",
        "  /recheck",
        "I fixed it.\r\n/recheck\r\nThank you!",
        "I fixed it.\n\n/recheck\n\nThank you!",
        "> what it said\n\n/recheck",
        "```\ncode\n```\n/recheck",
        "/unknown\n/recheck",
    ],
)
def test_a_command_stands_on_its_own_line(body: str) -> None:
    """Words around it, the case and white space behind it don't matter."""
    assert parse(body) == (Command(RECHECK, "/recheck"),)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "recheck",
        "please /recheck",
        "/recheck please",
        "/recheck/",
        "//recheck",
        "/postilion",
        "/check",
        "/retest",
        "/precheck",
        "/deploy",
        "`/recheck`",
        "/unknown",
        "> /recheck",
        ">/recheck\n> /recheck",
        "> > quoted\n> /recheck",
        "```\n/recheck\n```",
        "~~~~\n```\n/recheck\n~~~~",
        "```\n/recheck",
        "text\n\n    /recheck",
        "\t/recheck",
        "- item\n\n  ```\n  /recheck\n  ```",
        "<!--\n/recheck\n-->",
        "- /recheck",
    ],
)
def test_what_is_quoted_code_or_within_other_words_is_no_command(body: str) -> None:
    """Replies by mail quote, and people show each other what to write."""
    assert parse(body) == ()


@pytest.mark.parametrize(
    ("line", "name", "rule", "reason"),
    [
        ("/postil", "help", "", ""),
        ("/postil help me", "help", "", ""),
        ("/Postil  Pause", "pause", "", ""),
        ("/postil recheck", "recheck", "", ""),
        ("/postil explain raise-without-from", "explain", "raise-without-from", ""),
        ("/postil explain `Raise_Without_From`.", "explain", "raise-without-from", ""),
        ("/postil ignore", "ignore", "", ""),
        ("/postil ignore raise-without-from", "ignore", "raise-without-from", ""),
        ("/postil ignore raise-without-from: legacy code", "ignore", "raise-without-from", "legacy code"),
        ("/postil ignore `a-rule` -- it is <b>legacy</b>", "ignore", "a-rule", "it is <b>legacy</b>"),
        ("/postil ignore a-rule because it is legacy", "ignore", "a-rule", "it is legacy"),
        ("/postil unignore a-rule now", "unignore", "a-rule", ""),
        ("/postil explain <!--", "explain", "<!--", ""),
        ("/postil expalin a-rule", "unknown", "", ""),
        ("/rechek", "unknown", "", ""),
        ("/rechecks", "unknown", "", ""),
        ("/postil ignore a-rule " + "x" * 500, "ignore", "a-rule", "x" * 150),
    ],
)
def test_a_line_is_read_as_it_is_meant(line: str, name: str, rule: str, reason: str) -> None:
    """People write rules with back-ticks and underscores, and reasons as in a comment of the code."""
    command = read_line(line)
    assert command is not None

    assert (command.name, command.rule, command.reason) == (name, rule, reason)
    assert read_line(command.written) == command


def test_several_commands_are_read_in_their_order() -> None:
    """Each on a line of its own, with words between; what is quoted is what somebody else wrote."""
    body = (
        "/postil ignore a-rule legacy\nand then\n/recheck\n\n> /postil pause\n\n```\n/postil pause\n```\n/postil config"
    )

    assert [command.name for command in parse(body)] == ["ignore", "recheck", "config"]
    assert len(parse("/postil help\n" * 50)) == MOST


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("/rechek", "/recheck"),
        ("/postil expalin x", "/postil explain RULE"),
        ("/postil unignre x", "/postil unignore RULE"),
        ("/postil status", "/postil help"),
    ],
)
def test_a_slip_is_told_from_what_was_meant(written: str, near: str) -> None:
    """One answer is enough, if it names the right word."""
    assert nearest(written) == near


@given(st.text(alphabet=st.sampled_from("/postil recheck ignore explain \n\r\t>`~-<!\u2028\x00\ud800"), max_size=80))
def test_any_comment_is_read_without_fail(body: str) -> None:
    """Everybody can write anything; what is stored is text that a database takes, and reads back as the same."""
    for command in parse(body):
        command.written.encode()

        assert "\x00" not in command.written
        assert read_line(command.written) == command
