"""The set-up in a real browser: from an empty folder to the first review, and every page on which it stops.

One browser for all of it. GitHub is the stand-in over real HTTP, with its own pages for registering and installing.
"""

import json
import re
import stat
import textwrap
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import structlog
from anyio.from_thread import start_blocking_portal
from inline_snapshot import snapshot
from playwright.sync_api import Browser, Page

from browser import browser
from postil.app import create_app
from postil.demo import faults, play
from postil.demo.fake_github import FakeGitHub
from postil.settings import Settings
from postil.web.setup import STATES
from postil.web.tickets import Refusal, Tickets
from story import GUIDELINE
from validated_github import ValidatedGitHub

__all__ = ["browser"]

pytestmark = pytest.mark.browser

FILE = "github-app.json"


@dataclass
class Story:
    """A service that isn't set up, a GitHub, and a person with a browser."""

    github: FakeGitHub
    service: str
    folder: Path
    page: Page
    logged: list[structlog.typing.EventDict]

    @property
    def link(self) -> str:
        """The newest link in the log."""
        return [line["url"] for line in self.logged if line["event"] == "set_up_here"][-1]

    @property
    def file(self) -> Path:
        """Where the credentials go."""
        return self.folder / FILE

    def said(self, what: str = "main h1, main p") -> str:
        """What the page says in its heading and its paragraphs, or in other parts, without what differs by run."""
        # A click ends when the next page begins, which may have nothing on it as yet.
        self.page.wait_for_load_state()
        text = "\n".join(line.strip() for line in self.page.locator(what).all_inner_texts())
        for real, name in ((self.github.url, "GITHUB"), (self.service, "SERVICE"), (str(self.folder), "FOLDER")):
            text = text.replace(real, name)
        text = re.sub(r"app-manifests/\w+", "app-manifests/CODE", text)
        return "\n".join(textwrap.fill(line, 100) for line in text.splitlines())

    def opens(self) -> None:
        """The person opens the link in the log, and fills the form in."""
        self.page.goto(self.link)
        self.page.get_by_label("GitHub", exact=True).fill(self.github.url)

    def goes_on(self, *, anyway: bool = True) -> None:
        """The person presses "Go on", and again where the address is doubted, as everything here is on loopback."""
        self.page.get_by_role("button", name="Go on").click()
        self.page.wait_for_load_state()
        if anyway and (doubt := self.page.get_by_label("Go on all the same")).count():
            doubt.check()
            self.page.get_by_role("button", name="Go on").click()

    def agrees(self) -> None:
        """The person carries the manifest to GitHub, and agrees there."""
        self.page.get_by_role("button", name="Make the App on GitHub").click()
        self.page.get_by_role("button", name="Create GitHub App").click()


@contextmanager
def telling(browser: Browser, tmp_path: Path, **env: str) -> Generator[Story]:
    """A story at its beginning."""
    ours, theirs = play.free_socket(), play.free_socket()
    service, github = play.address(ours), play.address(theirs)
    fake = ValidatedGitHub(tmp_path, url=github)
    folder = tmp_path / "data"
    settings = Settings.load(
        {
            "POSTIL_DATABASE_URL": f"sqlite:///{folder}/postil.db",
            "POSTIL_LISTEN": service.removeprefix("http://"),
        }
        | {f"POSTIL_{name}": value for name, value in env.items()}
    )
    with (
        browser.new_context() as context,
        structlog.testing.capture_logs() as logged,
        play.serving(fake, theirs),
        play.serving(create_app(settings, GUIDELINE, spacing=0), ours, lifespan=True),
    ):
        # A page that takes that long never comes, on however busy a machine.
        context.set_default_timeout(90_000)
        yield Story(fake, service, folder, context.new_page(), logged)
    assert fake.complaints == []


@pytest.fixture
def story(browser: Browser, tmp_path: Path) -> Iterator[Story]:
    """A story with nothing but an empty folder."""
    with telling(browser, tmp_path) as begun:
        yield begun


def reviewed(story: Story) -> None:
    """Wait for the verdict on the pull request, which is there when the review is."""
    end = time.monotonic() + 240
    (pull,) = story.github.every_pull()
    while not [run for run in pull.check_runs if run.status == "completed"]:
        assert time.monotonic() < end
        story.page.wait_for_timeout(100)


def test_from_an_empty_folder_to_the_first_review_without_a_restart_or_an_edited_file(story: Story) -> None:
    """All that a newcomer does is to open the link in the log, and to press buttons."""
    pull = play.sample_pull(story.github)
    before = httpx.get(f"{story.service}/guide/", headers={"accept": "text/html"})
    closed = httpx.post(f"{story.service}/webhooks/github", json={})
    story.opens()
    story.page.get_by_label("issues: write").check()
    with story.page.expect_response(lambda answer: answer.request.method == "POST" and answer.ok) as to_github:
        story.goes_on()
    story.agrees()
    choose = story.page.url
    story.page.get_by_role("button", name="Install").click()
    landed = story.page.url
    at_the_end = story.said()
    ready = httpx.get(f"{story.service}/ready").json()
    # Playwright's own loop runs in this thread.
    with start_blocking_portal() as portal:
        portal.call(story.github.deliver, story.github.delivery("pull_request", "opened", pull=pull))
    reviewed(story)
    kept = json.loads(story.file.read_text())

    assert (before.status_code, before.headers["location"], closed.status_code) == (307, "/setup", 503)
    assert f"form-action {story.github.url};" in to_github.value.headers["content-security-policy"]
    assert choose == f"{story.github.url}/apps/postil/installations/new"
    assert landed.startswith(f"{story.service}/setup?installation_id=")
    assert at_the_end.startswith("It is set up")
    assert ready == {"status": "ready", "credentials": True, "database": True, "worker": True}
    assert [sent.status_code for sent in story.github.deliveries.log] == [202, 202]
    assert [run.conclusion for run in pull.check_runs] == ["failure"]
    assert len(pull.comments) >= 3
    assert stat.S_IMODE(story.file.stat().st_mode) == 0o600
    assert kept["github_app_id"] == story.github.app_id
    assert story.github.installation.permissions["issues"] == "write"
    assert Settings.load({"POSTIL_DATABASE_URL": f"sqlite:///{story.folder}/postil.db"}).credentials is not None
    secrets = (kept["github_webhook_secret"], kept["github_private_key"])
    assert not [line for line in story.logged for secret in secrets if secret in str(line)]


def test_the_link_opens_once_and_a_used_one_brings_a_new_one_into_the_log(story: Story) -> None:
    """Whoever finds the old log later can't take the service over; who lost the tab can go on."""
    first = story.link
    story.page.goto(f"{story.service}/setup")
    closed = story.said()
    story.page.goto(f"{story.service}/setup?token=0123456789")
    wrong = story.said()
    story.opens()
    stranger = httpx.get(first)

    assert closed == snapshot("""\
The log has the link
This service isn't set up yet, and whoever sets it up decides whose App it is.
So the set-up opens with a link that only the service's log tells. It is in the line of the log with
the event “set_up_here”; with compose, “docker compose logs postil” shows it.\
""")
    assert wrong == snapshot("""\
This isn't the link
Perhaps it is cut off, or from before the service was started again. It is in the line of the log
with the event “set_up_here”; with compose, “docker compose logs postil” shows it. Take the last
one.\
""")
    assert stranger.status_code == 403
    assert "This link was used" in stranger.text
    assert story.link != first


def test_every_field_that_is_wrong_is_named_at_once(story: Story) -> None:
    """And what was filled in right stays."""
    story.opens()
    story.page.get_by_label("This service's address").fill("https://bots.example.com/postil")
    story.page.get_by_label("GitHub", exact=True).fill("ftp://ghe.example.com")
    story.page.get_by_label("Organisation").fill("acme/shop")
    story.page.get_by_role("button", name="Go on").click()

    assert story.said("p.error") == snapshot("""\
Something is wrong below.
This must be a host of its own, without a path: the pages and the webhook stand at its root.
This is no address: it must start with https:// and name a host.
This is no name of an organisation: letters, digits and hyphens, at most 39.\
""")
    organisation = story.page.get_by_label("Organisation")
    assert organisation.input_value() == "acme/shop"
    assert organisation.get_attribute("aria-invalid") == "true"
    described = (organisation.get_attribute("aria-describedby") or "").split()
    assert [story.page.locator(f"#{each}").count() for each in described] == [1, 1]


def test_an_address_that_github_can_t_reach_is_doubted(story: Story) -> None:
    """The commonest mistake: deliveries never come, and nothing says why. Whoever knows better goes on."""
    story.opens()
    story.goes_on(anyway=False)
    loopback = story.said(".notice p")
    story.page.get_by_label("This service's address").fill(story.github.url)
    story.goes_on(anyway=False)
    elsewhere = story.said(".notice p")
    story.github.expect("no such route: GET /setup/here")

    assert loopback == snapshot("""\
SERVICE is this machine's own name for itself: GitHub can't send deliveries there.
Change the address below. Or, if you know better: a tunnel or a proxy may lead here, or this machine
may not see its own public address.\
""")
    assert elsewhere == snapshot("""\
GITHUB is this machine's own name for itself: GitHub can't send deliveries there.
GITHUB doesn't lead back to this service, as seen from here: something else answers there, with
status 501.
Change the address below. Or, if you know better: a tunnel or a proxy may lead here, or this machine
may not see its own public address.\
""")


def test_a_github_that_can_t_be_reached_is_said_before_anything_is_made(story: Story) -> None:
    """An App whose credentials nobody can fetch is litter."""
    story.opens()
    story.page.get_by_label("GitHub", exact=True).fill("http://127.0.0.1:9")
    story.goes_on()
    nobody = story.said("p.error")
    story.page.get_by_label("GitHub", exact=True).fill(story.service)
    story.goes_on()
    other = story.said("p.error")

    assert nobody == snapshot("""\
Something is wrong below.
This can't be reached from here: 127.0.0.1 doesn't answer: All connection attempts failed. Check the
name, the proxy (HTTPS_PROXY), and, for a server with a certificate of your own, that this process
trusts it (SSL_CERT_FILE).\
""")
    assert other == snapshot("""\
Something is wrong below.
This can't be reached from here: SERVICE/api/v3/meta is answered with 404, and not by GitHub. Check
the name, the proxy (HTTPS_PROXY), and, for a server with a certificate of your own, that this
process trusts it (SSL_CERT_FILE).\
""")


def test_a_state_that_was_not_given_out_here_changes_nothing(story: Story) -> None:
    """Else a page somewhere could give this service somebody else's App."""
    story.opens()
    story.page.goto(f"{story.service}/setup/callback?code=abc&state=def")

    assert story.said() == snapshot("""\
This isn't the way back that was begun here
GitHub's answer carries a mark that this service didn't give out, or not since its last start.
Nothing was exchanged.
If the App is on GitHub by now, delete it there before you begin again: its credentials are lost.\
""")
    assert [call.path for call in story.github.calls] == []
    assert not story.file.exists()


def test_a_code_that_github_no_longer_knows_is_said_and_one_begins_again(story: Story) -> None:
    """It is good for an hour; then the App is there, and nobody has its key."""
    story.opens()
    story.goes_on()
    story.page.get_by_role("button", name="Make the App on GitHub").click()
    story.github.misbehave("POST", "/conversions", faults.Fault(404, {"message": "Not Found"}))
    story.page.get_by_role("button", name="Create GitHub App").click()
    gone = story.said()
    again = story.page.url
    story.page.goto(again)
    used = story.said()
    story.page.get_by_role("link", name="Begin again").click()

    assert gone == snapshot("""\
The code is no longer good
GitHub knows no such code: it was exchanged before, or more than an hour has passed.
The App itself is there, but its credentials are lost. Delete it on GitHub, and begin again.\
""")
    assert used.startswith("This answer was used")
    assert story.said("h1") == "Make this service a GitHub App"


def test_a_github_that_gives_no_answer_may_be_asked_again(story: Story) -> None:
    """Nothing was exchanged, so loading the page again is all there is to do."""
    story.opens()
    story.goes_on()
    story.github.misbehave("POST", "/conversions", faults.BAD_GATEWAY)
    story.agrees()
    said = story.said()
    story.page.reload()

    assert said == snapshot("""\
GitHub doesn't answer
GitHub answered 502 to POST /api/v3/app-manifests/CODE/conversions.
Nothing is lost: load this page again when GitHub can be reached from this machine, within the hour.
If it never can, look at the proxy (HTTPS_PROXY) and at the certificates (SSL_CERT_FILE) of this
process.\
""")
    assert story.page.url.endswith("/installations/new")


def test_an_answer_that_lacks_something_and_a_database_that_is_no_use_are_said_with_the_way_on(story: Story) -> None:
    """A proxy cuts addresses off, an App may be made without a webhook, and a folder may be the wrong one."""

    def without(name: str) -> faults.Fault:
        return faults.Fault(spoil=lambda answer: {**answer, name: None})

    told = []
    story.opens()
    story.goes_on()
    state = (story.page.locator("form").get_attribute("action") or "").partition("?")[2]
    story.page.goto(f"{story.service}/setup/callback?{state}")
    told.append(story.said())
    for lacking in ("pem", "webhook_secret"):
        story.opens()
        story.goes_on()
        story.github.misbehave("POST", "/conversions", without(lacking))
        story.agrees()
        told.append(story.said())
    owner = story.page.get_by_role("link", name="The App on GitHub").get_attribute("href")
    database = story.folder / "postil.db"
    database.mkdir(parents=True)
    story.opens()
    story.goes_on()
    story.agrees()
    told.append(story.said())
    database.rmdir()
    story.page.get_by_role("button", name="Try again").click()

    assert "\n\n".join(told) == snapshot("""\
GitHub's answer lacks the code
The address that GitHub leads back to was cut off, perhaps by a proxy.
If the App is on GitHub by now, delete it there before you begin again: its credentials are lost.

GitHub gave no credentials
GitHub's answer to the conversion of a manifest has an unexpected form: pem.
If the App is on GitHub by now, delete it there before you begin again: its credentials are lost.

The App has no webhook secret
GitHub made the App without a webhook, so that nothing that it sends could be verified.
Delete the App, or give it a webhook and a secret on its page and put its credentials into the
environment.

The App is there
Postil was made on GitHub, and its credentials are in FOLDER/github-app.json.
The service can't start: The database doesn't answer (unable to open database file). Look after the
database that POSTIL_DATABASE_URL names.
Try again
On GitHub you choose the repositories. The next pull request in one of them is reviewed.
Choose repositories\
""")
    assert owner == f"{story.github.url}/settings/apps/postil"
    assert story.page.url.endswith("/installations/new")


def test_each_way_back_that_leads_nowhere_has_a_page_of_its_own() -> None:
    """An hour is too long for a test, so it is over at once."""
    tickets: Tickets[str] = Tickets(0.0)
    late = tickets.look(tickets.issue("a choice"))

    assert late is Refusal.EXPIRED
    assert set(STATES) == set(Refusal)
    assert len({trouble.title for trouble in STATES.values()}) == len(Refusal)


def test_rights_that_github_did_not_grant_are_named_with_the_page_that_grants_them(story: Story) -> None:
    """The App is there and its credentials are kept; without the right no review would ever be posted."""

    def less(answer: dict[str, object]) -> dict[str, object]:
        return {**answer, "permissions": {"metadata": "read", "contents": "read", "issues": "read"}}

    story.opens()
    story.goes_on()
    story.github.misbehave("POST", "/conversions", faults.Fault(spoil=less))
    story.agrees()

    assert story.said() == snapshot("""\
The App is there
Postil was made on GitHub, and its credentials are in FOLDER/github-app.json.
This service works with it from now on.
GitHub didn't grant all that was asked for. Add it on the App's page, then install the App:
On GitHub you choose the repositories. The next pull request in one of them is reviewed.
Choose repositories\
""")
    assert story.said("dt") == snapshot("""\
pull_requests: write
checks: write
merge_queues: read\
""")
    assert story.page.get_by_role("link", name="Add it").get_attribute("href") == (
        f"{story.github.url}/settings/apps/postil/permissions"
    )


def test_credentials_that_github_doesn_t_take_yet_are_kept_and_tried_again(story: Story) -> None:
    """A clock that is wrong is put right in a minute, and GitHub gives the credentials only once."""
    story.opens()
    story.goes_on()
    story.github.misbehave("GET", "/app$", faults.BAD_CREDENTIALS)
    story.agrees()
    said = story.said()
    story.page.get_by_role("button", name="Try again").click()

    assert said == snapshot("""\
The App is there
Postil was made on GitHub, and its credentials are in FOLDER/github-app.json.
GitHub doesn't take the App's credentials yet: GET /api/v3/app: 401 Bad credentials. Is this
machine's clock right?
Try again
On GitHub you choose the repositories. The next pull request in one of them is reviewed.
Choose repositories\
""")
    assert story.file.exists()
    assert story.page.url.endswith("/installations/new")


def test_a_folder_that_is_not_writable_is_said_before_anything_is_made_and_credentials_can_be_shown(
    browser: Browser, tmp_path: Path
) -> None:
    """A read-only container has a secret store instead; the page shows once what goes into it, and works at once."""
    (tmp_path / "no-folder").write_text("a file is in the way")
    with telling(browser, tmp_path, DATA_FOLDER=str(tmp_path / "no-folder" / "data")) as story:
        story.opens()
        offered = story.page.get_by_label("Into the file").is_disabled()
        story.goes_on()
        story.agrees()
        said = story.said()
        lines = dict(line.split("=", 1) for line in story.page.locator("pre").inner_text().strip().splitlines())
        ready = httpx.get(f"{story.service}/ready").status_code

    assert offered
    assert said == snapshot("""\
The App is there
Postil was made on GitHub.
This service works with it from now on.
They are shown once, and this process forgets them when it ends: they belong into the environment of
every process.
On GitHub you choose the repositories. The next pull request in one of them is reviewed.
Choose repositories\
""")
    assert Settings.load(lines).credentials is not None
    assert ready == 200


def test_what_the_environment_says_is_not_asked(browser: Browser, tmp_path: Path) -> None:
    """It goes first at the next start, so another answer would not last."""
    env = {"PUBLIC_URL": "https://postil.example.com", "GITHUB_WEB_URL": "https://octo.ghe.com"}
    with telling(browser, tmp_path, **env) as story:
        link = story.link
        story.page.goto(link.replace("https://postil.example.com", story.service))
        fields = [story.page.get_by_label(name, exact=True) for name in ("This service's address", "GitHub")]
        shown = [(each.input_value(), each.get_attribute("readonly")) for each in fields]

    assert link.startswith("https://postil.example.com/setup?token=")
    assert shown == [("https://postil.example.com", ""), ("https://octo.ghe.com", "")]
