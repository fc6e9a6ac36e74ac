"""What a slash command in a comment means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postil.review.command import RECHECK, Command, parse


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
    assert parse(body) == Command(RECHECK)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "recheck",
        "please /recheck",
        "/recheck please",
        "/recheck/",
        "//recheck",
        "/rechecks",
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
    assert parse(body) is None


@given(st.text(alphabet=st.sampled_from("/recheck \n\r\t>`~-<!\u2028\x00"), max_size=60))
def test_any_comment_is_read_without_fail(body: str) -> None:
    """Everybody can write anything."""
    assert parse(body) in (None, Command(RECHECK))
