"""Where a finding is shown that no line of the diff holds."""

import pytest

from postil.lint.change import Change
from postil.lint.finding import Around
from postil.lint.project import Project
from postil.review.analysis import analyse
from postil.review.anchor import cause_in_file
from postil.review.compose import compose
from postil.review.model import ChangedFile, Comment, FileStatus, Introduced, Occasion
from tiny_rules import RULES

TEXT = '''\
from time import sleep, \\
    monotonic


class Shop:
    @retry(
        times=3,
    )
    @logged
    async def pay(
        self,
        card,
    ):
        # a comment
        """Pays."""
        sleep(1)

    def two(self): return x == None
'''


def findings(text: str) -> list[Introduced]:
    """What the tiny rules find in one new file."""
    return list(analyse(RULES, [Change("a.py", text, None)], Project(), Project()).introduced)


def test_a_finding_knows_the_lines_that_it_depends_on() -> None:
    """The innermost definition first, what it is decorated with, the class, and the import of what it names."""
    sleeps, compares = (each.finding for each in findings(TEXT))

    assert sleeps.around == (
        Around(10, 13, "header", "pay"),
        Around(6, 8, "decorator", "pay"),
        Around(9, 9, "decorator", "pay"),
        Around(5, 5, "header", "Shop"),
        Around(1, 2, "import", "sleep"),
    )
    assert compares.around == (Around(18, 18, "header", "two"), Around(5, 5, "header", "Shop"))


@pytest.mark.parametrize(
    ("added", "line", "kind"),
    [
        ({10, 5, 1}, 10, "header"),
        ({12}, 12, "header"),
        ({7, 5}, 7, "decorator"),
        ({9}, 9, "decorator"),
        ({5, 1}, 5, "header"),
        ({2}, 2, "import"),
    ],
    ids=["all", "header", "decorators", "decorator", "class-and-import", "import"],
)
def test_the_nearest_cause_is_taken(added: set[int], line: int, kind: str) -> None:
    """A changed definition around the code is likelier than a changed import at the top."""
    finding = findings(TEXT)[0].finding
    cause = cause_in_file(finding, added)

    assert cause is not None
    assert (cause[0], cause[1].kind) == (line, kind)
    assert cause_in_file(finding, {14, 15, 17}) is None


def shown(base: str, head: str, patch: str) -> Comment | None:
    """The comment on a change of one file; None when it is told beside the diff."""
    analysis = analyse(RULES, [Change("a.py", head, base)], Project(), Project())
    files = [ChangedFile("a.py", FileStatus.MODIFIED, patch=patch)]
    review = compose(analysis, files, Occasion("a" * 40, "run", {}, "1.0"))
    return review.comments[0] if review.comments else None


LONG = "import time\n\n\ndef pay():\n" + "    x = 1\n" * 20 + "    time.sleep(1)\n"


def test_an_import_that_changed_carries_the_comment_about_its_use() -> None:
    """The call is untouched, and became wrong far above."""
    base = "from gevent import sleep\n\n\nasync def pay():\n" + "    x = 1\n" * 20 + "    sleep(1)\n"
    head = base.replace("from gevent", "from time")
    comment = shown(base, head, "@@ -1,1 +1,1 @@\n-from gevent import sleep\n+from time import sleep")

    assert comment is not None
    assert comment.line == 1
    assert "This is about `a.py` line 25. Here: the import of `sleep`, which it uses, changed." in comment.body


def test_the_rules_own_cause_goes_first() -> None:
    """A rule that says what brought it about knows better than the layout of the file."""
    comment = shown(LONG, LONG.replace("def", "async def"), "@@ -4,1 +4,1 @@\n-def pay():\n+async def pay():")

    assert comment is not None
    assert comment.line == 4
    assert "Here: this function is a coroutine." in comment.body


def test_a_finding_without_a_changed_cause_stands_beside_the_diff() -> None:
    """A comment on some line that happens to be near would be a riddle."""
    base = "import time\n\n\ndef other(): pass\n\n\nasync def pay():\n    x = 1\n    pass\n" + "    x = 1\n" * 20
    head = base + "    time.sleep(1)\n"

    assert shown(base, head, "@@ -4,1 +4,1 @@\n-def other(): pas\n+def other(): pass") is None
