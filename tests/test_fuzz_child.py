"""Whatever a file holds, it is analysed or named, and so are the files beside it: the analysing child under fire."""

import asyncio
import os
import random
import re
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hypothesmith
import pytest
from hypothesis import HealthCheck, given, seed, settings

from postil import packs
from postil.lint.change import Change
from postil.review.config import Choice
from postil.review.model import Analysis
from postil.sandbox import Analyst, Limits

INPUTS = int(os.environ.get("FUZZ", "0")) or 500
"""How many inputs there are; `make fuzz` asks for more."""
SEED = int(os.environ.get("SEED", "0"))
TOGETHER = 25
"""Inputs in one change set: a child that dies on one begins the rest anew."""
LIMITS = Limits(least_seconds=0.5, deaths=TOGETHER + 1)
"""Those of the service, but for the patience with small files, and with change sets in which each file kills."""
CANARY = "try:\n    f()\nexcept ValueError:\n    raise KeyError()\n"
NAMED = {"syntax", "encoding", "too-deep", "timeout", "crash"}

Random = random.Random


def real_texts() -> list[str]:
    """The examples on the rules' pages, which reach every check, and small modules of the standard library."""
    pages = [page.read_text(encoding="utf-8") for page in packs.BUILT_IN.glob("*/*.md")]
    examples = [text for page in pages for text in re.findall(r"```python[^\n]*\n(.*?)```", page, re.DOTALL)]
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return examples + [path.read_text(encoding="utf-8") for path in modules if path.stat().st_size < 12_000]


# Ways to spoil a text. Each takes the text and another one, and gives what somebody could push.


def flipped(dice: Random, text: str, other: str) -> str:
    """Some bits of some bytes are others."""
    raw = bytearray(text.encode("utf-8", "surrogatepass") or b"x")
    for _ in range(dice.randint(1, 8)):
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return raw.decode("utf-8", dice.choice(["replace", "surrogateescape"]))


def shuffled(dice: Random, text: str, other: str) -> str:
    """Its lines stand in another order."""
    lines = text.splitlines(keepends=True)
    dice.shuffle(lines)
    return "".join(lines)


def truncated(dice: Random, text: str, other: str) -> str:
    """It ends too early, or begins too late."""
    at = dice.randrange(len(text) + 1)
    return dice.choice([text[:at], text[at:]])


def spliced(dice: Random, text: str, other: str) -> str:
    """It goes on as another."""
    return text[: dice.randrange(len(text) + 1)] + other[dice.randrange(len(other) + 1) :]


def sprinkled(dice: Random, text: str, other: str) -> str:
    """Characters of all planes stand in it, and those that end lines for some and for others don't."""
    strange = ["\0", "\r", "\f", "\v", "\x1c", "\x85", "\u2028", "\ufeff", "\u202e", "\ud800", "\U0001f600", "\t", "\\"]
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice([*strange, chr(dice.randrange(0x110000))]) + text[at:]
    return text


def retokenised(dice: Random, text: str, other: str) -> str:
    """Some words and signs have changed places, so that most lines still look like code."""
    tokens = re.findall(r"\w+|\s+|.", text, re.DOTALL) or ["x"]
    for _ in range(dice.randint(1, 6)):
        one, two = dice.randrange(len(tokens)), dice.randrange(len(tokens))
        tokens[one], tokens[two] = tokens[two], tokens[one]
    return "".join(tokens)


def reended(dice: Random, text: str, other: str) -> str:
    """Its lines end as on other systems, or as on several."""
    return "".join(line + dice.choice(["\r\n", "\r", "\n"]) for line in text.split("\n"))


def grown(dice: Random, text: str, other: str) -> str:
    """Each name is long, or the whole stands there several times."""
    return dice.choice([text * dice.randint(2, 5), re.sub(r"\b([a-z]\w*)\b", r"\1" + "_" * 200, text)])


SPOILERS: tuple[Callable[[Random, str, str], str], ...] = (
    flipped,
    shuffled,
    truncated,
    spliced,
    sprinkled,
    retokenised,
    reended,
    grown,
)

# Forms that parsers are known to bear badly, as `before + repeated * n + middle + closing * n + after`.
KILLERS = (
    ("x = a", "()", "", "", "\n"),
    ("x = a", ".b", "", "", "\n"),
    ("x = a", "[0]", "", "", "\n"),
    ("x = a", ".b(c).d[0]", "", "", "\n"),
    ("x = a", " + a", "", "", "\n"),
    ("raise KeyError(a", " | a", "", "", ")\n"),
    ("x = a", "**a", "", "", "\n"),
    ("x = ", "not ", "a", "", "\n"),
    ("x = ", "-", "a", "", "\n"),
    ("x = ", "lambda: ", "a", "", "\n"),
    ("x = ", "a if a else ", "a", "", "\n"),
    ("x = a", " and a", "", "", "\n"),
    ("x = a", " < a", "", "", "\n"),
    ("x = ", "(", "a", ")", "\n"),
    ("x = ", "[", "", "]", "\n"),
    ("x = ", "{a: ", "a", "}", "\n"),
    ("x = ", "f(", "", ")", "\n"),
    ("x = ", "f'{", "a", "}'", "\n"),
    ("x = ", "[", "", "", "\n"),
    ("x: ", "A[", "a", "]", "\n"),
    ("if a:\n    pass\n", "elif a:\n    pass\n", "", "", ""),
    ("try:\n    pass\n", "except A:\n    raise B()\n", "", "", ""),
    ("", "@a\n", "def f():\n    pass\n", "", ""),
    ("", "def f(): ", "pass", "", "\n"),
    ("with ", "a, ", "a:\n    pass\n", "", ""),
    ("x = [a ", "for a in b ", "", "", "]\n"),
    ("match x:\n    case ", "[", "a", "]", ":\n        pass\n"),
    ("x = ", "9", "", "", "\n"),
    ("x = '", "\\N{DIGIT ONE}", "", "", "'\n"),
    ("x = (", "'a' ", "", "", ")\n"),
    ("", "x = y = ", "1", "", "\n"),
    ("", "a; ", "", "", "\n"),
    ("", "import a.b\n", "", "", ""),
    ("# ", "postil: allow raise-without-from, ", "", "", "\nraise A()\n"),
    ("", "async def f():\n    await g()\n", "", "", ""),
    ("x = 1", " \\\n", "", "", "\n"),
    ("", "\n", "x = 1", "", ""),
    ("", "\t", "x = 1", "", "\n"),
)


def killers(dice: Random, count: int) -> Iterator[str]:
    """Each form in turn: in the size that people could write, and in sizes in which nobody does."""
    for number in range(count):
        before, repeated, middle, closing, after = KILLERS[number % len(KILLERS)]
        times = dice.choice([190, 199, 300, 450, 600, dice.randint(1_000, 20_000)])
        yield before + repeated * times + middle + closing * times + after


def nested(dice: Random) -> str:
    """Statements within statements, deeper than Python's own hundred levels, or almost so."""
    heads = ("if a:", "for a in b:", "while a:", "with a:", "def f():", "async def f():", "class A:", "try:", "else:")
    depth = dice.randint(50, 300)
    return "".join(" " * level + dice.choice(heads) + "\n" for level in range(depth)) + " " * depth + "pass\n"


def generated(count: int) -> list[str]:
    """Texts that Python's grammar allows and nobody would write."""
    found: list[str] = []

    @seed(SEED)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(code=hypothesmith.from_grammar())
    def collect(code: str) -> None:
        found.append(code)

    collect()
    return found[:count]


def inputs(count: int) -> list[Change]:
    """So many files, each as new, or as a change of what it was made from."""
    dice = Random(SEED)
    texts = real_texts()
    grammar = generated(count // 10)
    few = [*killers(dice, count // 12), *(nested(dice) for _ in range(count // 50))]
    changes = [Change("", text, dice.choice([None, "x = 1\n"])) for text in [*grammar, *few]]
    while len(changes) < count:
        text, other = dice.choice(texts), dice.choice(texts)
        spoiled = text
        for spoil in dice.sample(SPOILERS, dice.choice([1, 1, 1, 2])):
            spoiled = spoil(dice, spoiled, other)
        changes.append(Change("", spoiled, dice.choice([None, text, other])))
    dice.shuffle(changes)
    return [Change(f"src/service/{at}.py", each.head, each.base) for at, each in enumerate(changes)]


async def analysed(changes: Sequence[Change]) -> list[tuple[Sequence[Change], Analysis]]:
    """What the analysis says of them, under all rules, some at a time, each time with a file that has a finding."""
    everything = Choice(tuple(rule.name for rule in packs.load().rules.rules))
    found = []
    async with Analyst(limits=LIMITS) as analyst:
        for at in range(0, len(changes), TOGETHER):
            part = changes[at : at + TOGETHER]
            around = [*part[: TOGETHER // 2], Change("canary.py", CANARY, None), *part[TOGETHER // 2 :]]
            found.append((part, await analyst.analyse(around, {}, {}, everything)))
    return found


@pytest.mark.kill
def test_every_file_is_analysed_or_named_and_none_costs_another() -> None:
    """Anybody may open a pull request. What the child dies of is a line in the review, and no review is lost."""
    lost = []
    for part, analysis in asyncio.run(analysed(inputs(INPUTS))):
        texts = {change.path: change.head or "" for change in part}
        deaths = {each.path for each in analysis.problems if each.kind in {"too-deep", "timeout", "crash"}}
        for problem in analysis.problems:
            unforeseen = problem.kind not in NAMED or "the analysing process ended" in problem.message
            if unforeseen or not problem.message:
                lost.append((problem.path, problem.kind, problem.message, texts.get(problem.path, "")[:2_000]))
        if "canary.py" not in {each.finding.path for each in analysis.introduced}:
            lost.append(("canary.py", "lost", "a finding beside these", str(sorted(texts))))
        if not len(part) + 1 - len(deaths - {""}) <= analysis.files <= len(part) + 1:
            lost.append(("", "count", f"{analysis.files} were looked at, {len(deaths)} named", str(sorted(texts))))

    assert lost == []
