"""What operators see below `/operator`, and what they do there."""

import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from inline_snapshot import snapshot
from playwright.sync_api import Browser

from browser import browser
from postil.app import create_app
from postil.demo import play
from postil.jobs import Jobs
from postil.settings import Settings
from postil.web.operator import House, View
from story import GUIDELINE, PAY, running
from test_settings import GOOD
from validated_github import ValidatedGitHub

__all__ = ["browser"]

TOKEN = "only operators know this"
URL = "https://postil.example.com"
WIDTH = 390
"""Pixels of a phone's screen."""
SECTIONS = ("", "/jobs", "/deliveries", "/reviews", "/installations", "/rules")
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Shown(HTMLParser):
    """The text of a page's main part, a line for each part of it; moments left out, as they go by."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.feed(re.sub(r"<time.*?</time>", "TIME", html.partition("<main")[2].partition(">")[2]))

    def handle_data(self, data: str) -> None:
        """Note text."""
        if text := " ".join(data.split()):
            self.lines.append(text)


def settings(folder: Path, **changes: str) -> Settings:
    """A service that takes and shows work, and does none; its database is one that a release left."""
    database = folder / "postil.db"
    with sqlite3.connect(database) as file:
        file.executescript((Path(__file__).parent / "schemas" / "0005.sqlite.sql").read_text(encoding="utf-8"))
    env = GOOD | {"POSTIL_ROLE": "web", "POSTIL_DATABASE_URL": f"sqlite:///{database}", "POSTIL_OPERATOR_TOKEN": TOKEN}
    return Settings.load(env | {f"POSTIL_{name}": value for name, value in changes.items()})


@asynccontextmanager
async def opened(folder: Path, token: str = TOKEN) -> AsyncGenerator[httpx.AsyncClient]:
    """That service, as somebody with a token sees it."""
    app = create_app(settings(folder), GUIDELINE)
    headers = {"authorization": f"Bearer {token}", "accept": "text/html"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, headers=headers) as http,
    ):
        yield http


async def lines(http: httpx.AsyncClient, section: str) -> list[str]:
    """What a page says."""
    answer = await http.get(f"/operator{section}")
    assert answer.status_code == 200
    return Shown(answer.text).lines


@pytest.mark.anyio
async def test_only_operators_see_the_pages_and_others_get_one_that_says_so(tmp_path: Path) -> None:
    """They name repositories and people."""
    async with opened(tmp_path, "wrong") as http:
        answers = {section: await http.get(f"/operator{section}") for section in SECTIONS}

    assert {answer.status_code for answer in answers.values()} == {401}
    assert Shown(answers[""].text).lines == ["Unauthorized", "This is for operators."]
    assert answers[""].headers["www-authenticate"] == 'Basic realm="Postil"'


@pytest.mark.anyio
async def test_the_overview_begins_with_what_is_wrong(tmp_path: Path) -> None:
    """Whoever opens it has a minute, and wants to know whether to worry."""
    async with opened(tmp_path) as http:
        overview = await lines(http, "")

    days = re.compile(r"\d+ days")
    assert [days.sub("N days", line) for line in overview[: overview.index("Last deliveries")]] == snapshot(
        [
            "Overview",
            "What is wrong",
            "No worker is alive: nothing is reviewed until one starts.",
            "1 review has failed for good.",
            "See the jobs",
            "A review has been waiting for N days.",
            "See the jobs",
            "For N days nobody has looked for what was missed; the log says why.",
            "Queue",
            "Under way",
            "1",
            "Waiting",
            "1",
            "Failed",
            "1",
            "Oldest waits",
            "N days",
            "Looked for what was missed",
            "TIME",
            "Last reviews",
            "Ended",
            "Of",
            "Outcome",
            "Time",
            "Requests",
            "Found",
            "Comments",
            "TIME",
            "o/r#1",
            "done",
            "failure",
            "2.5 s",
            "6",
            "3",
            "2",
        ]
    )


@pytest.mark.anyio
async def test_each_section_shows_what_the_database_knows(tmp_path: Path) -> None:
    """Each answers a question of its own: what came, what is under way, what was done, where, and what is said."""
    async with opened(tmp_path) as http:
        shown = {section: await lines(http, section) for section in SECTIONS[1:]}
        answers = [await http.get(f"/operator{section}") for section in SECTIONS]

    assert shown["/jobs"] == snapshot(
        [
            "Jobs",
            "Failed",
            "o/r#4",
            "GitHub is down",
            "TIME, tries: 2. A push, /recheck or",
            "postil jobs retry",
            "runs it again; until then nothing does.",
            "Run again",
            "Dismiss",
            "Under way",
            "o/r#3",
            "TIME, tries: 1. It ends, or is taken over when its process dies.",
            "Waiting",
            "o/r#2",
            "TIME, tries: 1. It is tried by itself; 11 tries are left.",
        ]
    )
    assert shown["/deliveries"][2:20] == snapshot(
        [
            "Received",
            "For",
            "What",
            "Outcome",
            "GitHub's id",
            "TIME",
            "o/r#1",
            "recheck",
            "done",
            "comment 1",
            "TIME",
            "o/r#2",
            "recheck",
            "waiting",
            "comment 2",
            "TIME",
            "o/r#3",
            "recheck",
        ]
    )
    assert shown["/reviews"] == snapshot(
        [
            "Reviews",
            "Each run, with the time that it took and its requests to GitHub: the newest 200 of the last 14 days.",
            "Ended",
            "Of",
            "Outcome",
            "Time",
            "Requests",
            "Found",
            "Comments",
            "TIME",
            "o/r#1",
            "done",
            "failure",
            "2.5 s",
            "6",
            "3",
            "2",
        ]
    )
    assert shown["/installations"] == snapshot(
        [
            "Installations",
            "Those whose pull requests were heard of. What is left of the hour is what this process last heard.",
            "Owner",
            "Number",
            "Repositories",
            "Pull requests",
            "Waiting",
            "Failed",
            "Left this hour",
            "Last active",
            "o",
            "1",
            "1",
            "4",
            "1",
            "1",
            "–",
            "TIME",
        ]
    )
    others = len(GUIDELINE.rules.rules)
    assert [line.replace(f"; {others} other", "; N other") for line in shown["/rules"]] == snapshot(
        [
            "Rules",
            "What became of comments, the rules that people want least first; N other rules said nothing.",
            "Not wanted",
            "are those refused or allowed, of all answered; in brackets, where the true share surely lies.",
            "Rule",
            "Said",
            "Fixed",
            "Refused",
            "Allowed",
            "Open",
            "Open at merge",
            "Liked",
            "Not wanted",
            "Stands",
            "bare-except",
            "1",
            "0",
            "1",
            "0",
            "0",
            "0",
            "1",
            "100% (13% to 100%)",
            "off",
            "in o/r, TIME",
            "Restore there",
            "Restore everywhere",
        ]
    )
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.anyio
async def test_a_failed_review_is_run_again_or_dismissed_once(tmp_path: Path) -> None:
    """A second click, or that of a colleague, finds it gone."""
    run = "run=o%2Fr%234%40run+2"
    async with opened(tmp_path) as http:
        first = await http.post("/operator/jobs/retry", content=run, headers=FORM)
        second = await http.post("/operator/jobs/dismiss", content=run, headers=FORM)
        after = await lines(http, "/jobs?done=0")

    assert (first.status_code, first.headers["location"]) == (303, "/operator/jobs?done=1")
    assert (second.status_code, second.headers["location"]) == (303, "/operator/jobs?done=0")
    assert after[:4] == ["Jobs", "None of them was a failed one any more.", "Failed", "None."]
    assert "o/r#4" in after


@pytest.mark.anyio
async def test_an_address_that_means_nothing_has_a_page_that_says_so(tmp_path: Path) -> None:
    """Somebody typed it, and a machine's words tell people nothing; nothing is said twice."""
    async with opened(tmp_path) as http:
        spoiled = await http.get("/operator/jobs?done=all")
        program = await http.get("/operator/jobs?done=all", headers={"accept": "application/json"})
        unasked = await http.put("/operator/jobs")

    assert (spoiled.status_code, Shown(spoiled.text).lines[1:]) == (
        422,
        ["The address or the form holds something that it can't."],
    )
    assert program.json()["error"]["code"] == "unprocessable"
    assert (unasked.status_code, Shown(unasked.text).lines) == (405, ["Method Not Allowed"])


@pytest.mark.anyio
async def test_all_failed_reviews_are_dismissed_with_one_button(tmp_path: Path) -> None:
    """After an outage there are many, and none of them matters any more."""
    async with opened(tmp_path) as http:
        answer = await http.post("/operator/jobs/dismiss", content="all=yes", headers=FORM)
        after = await lines(http, "/jobs")

    assert answer.headers["location"] == "/operator/jobs?done=1"
    assert "o/r#4" not in after


@pytest.mark.anyio
async def test_a_page_of_another_site_runs_nothing_again(tmp_path: Path) -> None:
    """A browser sends the operator's password along, whoever made the form."""
    async with opened(tmp_path) as http:
        foreign = {**FORM, "origin": "https://evil.example"}
        answer = await http.post("/operator/jobs/dismiss", content="all=yes", headers=foreign)
        after = await lines(http, "/jobs")

    assert answer.status_code == 403
    assert "o/r#4" in after


@pytest.mark.anyio
async def test_a_rule_is_restored_where_an_operator_says_so(tmp_path: Path) -> None:
    """A page of another site can't, and a rule that nobody knows is none."""
    there, everywhere = "rule=bare-except&repository=100", "rule=bare-except"
    async with opened(tmp_path) as http:

        async def restores(content: str, **more: str) -> tuple[int, str]:
            answer = await http.post("/operator/rules/restore", content=content, headers=FORM | more)
            return answer.status_code, answer.headers.get("location", "")

        foreign = await restores(everywhere, origin="https://evil.example")
        spoiled = [await restores(f"{everywhere}&repository={each}") for each in ("abc", "-1", "1" * 30, "%C2%B2")]
        before = await lines(http, "/rules")
        one = await restores(there)
        restored = await lines(http, "/rules?restored=bare-except")
        every = await restores(everywhere)
        unknown = await restores("rule=%3Cb%3E&repository=100")
        after = await lines(http, "/rules")

    assert foreign == (403, "")
    assert spoiled == [(400, "")] * 4
    assert "Restore there" in before
    assert one == every == (303, "/operator/rules?restored=bare-except")
    assert restored[1] == "bare-except is judged anew, by what it says from now on."
    assert restored[-2:] == snapshot(["–", "restored in o/r"])
    assert unknown == (303, "/operator/rules?")
    assert "bare-except" not in after


@pytest.mark.anyio
async def test_a_database_that_is_down_is_said_on_every_page(tmp_path: Path) -> None:
    """Then above all somebody looks here."""
    async with opened(tmp_path) as http:
        with sqlite3.connect(tmp_path / "postil.db") as file:
            file.execute("ALTER TABLE postil_pulls RENAME TO away")
        answers = [await http.get(f"/operator{section}") for section in ("", "/jobs")]
        change = await http.post("/operator/jobs/retry", content="all=yes", headers=FORM)

    assert [answer.status_code for answer in [*answers, change]] == [503, 503, 503]
    assert Shown(change.text).lines[0] == "The database doesn't answer"


@pytest.mark.anyio
async def test_a_review_leaves_its_time_its_requests_and_what_it_said(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """That is how one sees that something got slow, or calls more than it should."""
    pull = github.open_pull(base_files={}, head_files={"pay.py": PAY})
    async with running(github, app_key, tmp_path, OPERATOR_TOKEN=TOKEN) as postil:
        await postil.receives(github.delivery("pull_request", "opened", pull=pull))
        reviews = Shown(await postil.reads("/operator/reviews", TOKEN)).lines
        rules = Shown(await postil.reads("/operator/rules", TOKEN)).lines
        installations = Shown(await postil.reads("/operator/installations", TOKEN)).lines

    assert reviews[-7:-4] == ["acme/shop#1", "done", "failure"]
    assert re.fullmatch(r"\d+\.\d s", reviews[-4])
    assert reviews[-2:] == ["1", "1"]
    assert int(reviews[-3]) == len(github.calls)
    assert installations[-8] == "acme"
    assert re.fullmatch(r"REST \d+ %, GraphQL \d+ %", installations[-2])
    assert rules[rules.index("raise-without-from") :] == snapshot(
        ["raise-without-from", "1", "0", "0", "0", "1", "0", "0", "–", "on"]
    )


class Clocked(Jobs):
    """Counts how often it is asked for the time."""

    asked = 0

    async def now(self) -> float:
        """The time, as `Jobs` knows it."""
        self.asked += 1
        return await super().now()


@pytest.mark.anyio
async def test_all_of_a_page_goes_by_one_look_at_the_clock(tmp_path: Path) -> None:
    """Two moments on a page would contradict each other, and each costs a query."""
    jobs = Clocked(settings(tmp_path).database_url.get_secret_value())
    await jobs.open()
    view = View(lambda: jobs, House(GUIDELINE, "https://github.com", 14, True, lambda _: {}))
    try:
        answer = await view.show("", view.overview)
    finally:
        await jobs.stop()

    assert (answer.status_code, jobs.asked) == (200, 1)


# The last one, for no loop can run in a test after it: see `browser`.
@pytest.mark.browser
def test_an_operator_runs_a_failed_review_again_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    """The form must pass what keeps other sites' forms out, and nothing may stand off the screen."""
    socket = play.free_socket()
    address = play.address(socket)
    app = create_app(settings(tmp_path), GUIDELINE)
    with (
        play.serving(app, socket, lifespan=True),
        browser.new_context(
            http_credentials={"username": "mona", "password": TOKEN}, viewport={"width": WIDTH, "height": 844}
        ) as context,
    ):
        page = context.new_page()
        wide = []
        for section in SECTIONS:
            page.goto(f"{address}/operator{section}")
            if page.evaluate("document.documentElement.scrollWidth") > WIDTH:
                wide.append(section)
        page.goto(f"{address}/operator")
        page.get_by_role("link", name="See the jobs").first.click()
        page.get_by_role("button", name="Run again: o/r#4").click()
        said = page.get_by_role("status").inner_text()

    assert wide == []
    assert said == "Done, for 1."
