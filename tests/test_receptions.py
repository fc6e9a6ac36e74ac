"""What became of comments, and the steps of rules, in real databases; and that all who show them show the same."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from inline_snapshot import snapshot
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from postgres import fresh_postgres, postgres_url
from postil.cli import app as command_line
from postil.jobs import Ask, Job, Jobs, Pull, receptions
from postil.review.fate import Fate, Reception
from postil.review.figures import Tally
from postil.review.standing import Figures, Scope, Standing, Step
from test_operator import opened

__all__ = ["fresh_postgres", "postgres_url"]

T = TypeVar("T")
RULE = "bare-except"
OFF = Step(Scope.REPOSITORY, 100, RULE, Standing.OFF, Figures(fixed=1, refused=9))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/postil.db"
    return request.getfixturevalue("fresh_postgres")


def job(number: int = 7, repository: int = 100, installation: int = 1) -> Job:
    """A run over a pull request."""
    pull = Pull(installation, repository, "o", f"r{repository}", number)
    return Job(f"{pull.key}@run 1", pull.key, 1, pull, f"{pull.key}@run 1", "a" * 40, 0, (), ())


def told(number: int, fate: Fate = Fate.OPEN, rule: str = RULE, *, liked: bool = False) -> Reception:
    """A comment, and what became of it."""
    return Reception("run", f"{number:016}", rule, "a" * 40, fate, liked)


def using(url: str, story: Callable[[Jobs], Awaitable[T]]) -> T:
    """Open the database, and let something happen in it."""

    async def run() -> T:
        jobs = Jobs(url)
        await jobs.open()
        try:
            return await story(jobs)
        finally:
            await jobs.stop()

    return asyncio.run(run())


def test_what_became_of_a_comment_is_written_once_and_replaced_by_what_comes_later(url: str) -> None:
    """A run that died writes it down again, and so may any other replica."""

    async def story(jobs: Jobs) -> tuple[Any, ...]:
        await jobs.receive(job(), [told(1), told(2)])
        again = await jobs.receive(job(), [told(1), told(2, Fate.RESOLVED, liked=True)])
        await jobs.receive(job(8), [told(1, Fate.FIXED)])
        elsewhere = await jobs.receive(job(9, 101), [told(1, rule="other"), told(2, Fate.LEFT)])
        known = sorted(await jobs.known(job()), key=lambda each: each.fingerprint)
        return again, known, elsewhere

    again, known, elsewhere = using(url, story)

    assert sorted(again, key=str) == [
        Tally(RULE, 1, 100, Fate.OPEN, 1),
        Tally(RULE, 1, 100, Fate.RESOLVED, 1, 1),
    ]
    assert [(each.fate, each.liked, each.age < 60) for each in known] == [
        (Fate.OPEN, False, True),
        (Fate.RESOLVED, True, True),
    ]
    assert {(each.repository_id, each.fate, each.count) for each in elsewhere} == {
        (100, Fate.OPEN, 1),
        (100, Fate.RESOLVED, 1),
        (100, Fate.FIXED, 1),
        (101, Fate.OPEN, 1),
        (101, Fate.LEFT, 1),
    }


def test_a_step_is_taken_once_and_only_backwards(url: str) -> None:
    """Two replicas may come to it in the same moment, and an older one later."""
    probation = Step(Scope.REPOSITORY, 100, RULE, Standing.PROBATION, Figures(fixed=6, refused=4))

    async def story(jobs: Jobs) -> tuple[Any, ...]:
        taken = [await jobs.step(each) for each in (probation, probation, OFF, probation, OFF)]
        await jobs.step(Step(Scope.ACCOUNT, 2, RULE, Standing.OFF))
        return taken, await jobs.steps_at(job()), await jobs.steps_at(job(7, 101, 2))

    taken, here, elsewhere = using(url, story)

    assert taken == [True, False, True, False, False]
    assert [(step.standing, step.figures, step.at > 1e9) for step in here] == [(Standing.OFF, OFF.figures, True)]
    assert [(step.scope, step.of) for step in elsewhere] == [(Scope.ACCOUNT, 2)]


def test_a_restored_rule_begins_anew_there_or_everywhere(url: str) -> None:
    """By all its names; what is open from before goes on, and counts no more."""

    async def story(jobs: Jobs) -> tuple[Any, ...]:
        await jobs.accept("d", Ask(job().pull, "test"))
        await jobs.receive(job(), [told(1, Fate.RESOLVED), told(2, rule="naked-except")])
        await jobs.receive(job(8, 101), [told(1, Fate.RESOLVED)])
        await jobs.step(OFF)
        await jobs.step(Step(Scope.ACCOUNT, 1, "naked-except", Standing.OFF))
        named = await jobs.repository_named("O", "R100")
        there = await jobs.restore([RULE, "naked-except"], named)
        steps = await jobs.steps_at(job())
        late = await jobs.receive(job(), [told(2, Fate.RESOLVED, rule=RULE)])
        await jobs.receive(job(9), [told(9, rule="naked-except")])
        named_so = await jobs.receive(job(), [told(2, Fate.RESOLVED, rule=RULE)], ["naked-except"])
        everywhere = await jobs.restore([RULE, "naked-except"])
        return there, steps, late, named_so, everywhere, await jobs.rules({}), await jobs.restore(["nonsense"], 100)

    there, steps, late, named_so, everywhere, rules, unknown = using(url, story)

    assert there == 1
    assert {(step.scope, step.standing) for step in steps} == {
        (Scope.REPOSITORY, Standing.ON),
        (Scope.ACCOUNT, Standing.OFF),
    }
    assert late == [Tally(RULE, 1, 101, Fate.RESOLVED, 1)]
    assert Tally("naked-except", 1, 100, Fate.OPEN, 1) in named_so
    assert everywhere == 1
    assert rules == []
    assert unknown is None


def test_old_comments_are_forgotten_and_steps_are_not(url: str) -> None:
    """A rule must not come back by itself because nobody remembers why it went."""

    async def story(jobs: Jobs) -> tuple[Any, ...]:
        await jobs.receive(job(), [told(1)])
        await jobs.step(OFF)
        await jobs._call(receptions.purge, 3600.0)
        kept = await jobs.known(job())
        await jobs._call(receptions.purge, -3600.0)
        return kept, await jobs.known(job()), await jobs.steps_at(job())

    kept, gone, steps = using(url, story)

    assert len(kept) == 1
    assert gone == []
    assert len(steps) == 1


@pytest.mark.anyio
async def test_the_page_the_metrics_and_the_command_line_show_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come from one list, and nobody should have to ask which of them is right."""
    monkeypatch.setenv("POSTIL_DATABASE_URL", f"sqlite:///{tmp_path}/postil.db")
    counted = ("fixed", "refused", "allowed", "open", "left")
    async with opened(tmp_path) as http:
        jobs = Jobs(f"sqlite:///{tmp_path}/postil.db")
        await jobs.open()
        fates = [*Fate, Fate.FIXED, Fate.FIXED, Fate.RESOLVED]
        await jobs.receive(job(), [told(number, fate, "raise-without-from") for number, fate in enumerate(fates)])
        page = (await http.get("/operator/rules")).text
        scraped = (await http.get("/metrics")).text
        await jobs.stop()
    printed = await asyncio.to_thread(CliRunner().invoke, command_line, ["rules", "--figures", "--format", "json"])
    text = await asyncio.to_thread(CliRunner().invoke, command_line, ["rules", "--figures", "--repository", "o/r"])
    one = await asyncio.to_thread(CliRunner().invoke, command_line, ["rules", "raise-without-from", "--figures"])
    none = await asyncio.to_thread(CliRunner().invoke, command_line, ["rules", "uv-lock-drift", "--figures"])

    samples = {
        (sample.labels["rule"], sample.labels.get("outcome", sample.labels.get("standing"))): sample.value
        for family in text_string_to_metric_families(scraped)
        if family.name in ("postil_rule_comments", "postil_rule_steps")
        for sample in family.samples
    }
    rows = [re.findall(r'<td data-is="([^"]+)"[^>]*>(?:<a[^>]*>)?([^<]*)', row) for row in page.split("<tr>")[2:]]
    shown = {dict(row)["Rule"]: dict(row) for row in rows}
    listed = json.loads(printed.stdout)
    assert [line["rule"] for line in listed] == list(shown) == ["bare-except", "raise-without-from"]
    for line in listed:
        names = {"left": "Open at merge"}
        assert [line[name] for name in counted] == [samples[line["rule"], name] for name in counted]
        assert [line[name] for name in counted] == [
            int(shown[line["rule"]][names.get(name, name.title())]) for name in counted
        ]
        assert f"{line['rate']:.0%} " in shown[line["rule"]]["Not wanted"]
        off = sum(step["standing"] == "off" for step in line["steps"])
        assert samples[line["rule"], "off"] == off
    assert text.stdout == snapshot("""\
rule                   said    fixed  refused  allowed     open     left    liked  not wanted
bare-except               1        0        1        0        0        0        1  100% (13% to 100%)
    off in o/r, since 2023-11-14T22:13:20+00:00
raise-without-from       11        3        4        1        2        1        0  62% (24% to 90%)
""")
    assert one.stdout.splitlines()[1:] == text.stdout.splitlines()[3:]
    assert (none.exit_code, none.stderr) == (2, "postil: no rule uv-lock-drift said anything here, or stepped back\n")
