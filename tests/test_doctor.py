"""`postil doctor` finds what is broken, and says what to do about it."""

import asyncio
import json
import os
import re
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from inline_snapshot import snapshot
from typer.testing import CliRunner

from postil import doctor, packs, stored
from postil.cli import app
from postil.demo import faults
from postil.demo.deliveries import Webhook
from postil.doctor import Level, Surroundings
from postil.jobs import Jobs
from postil.manifest import wants
from postil.settings import Settings, SettingsError
from story import GUIDELINE
from validated_github import ValidatedGitHub

HELD = {"network": "seccomp", "files": "landlock, no file may grow", "processes": "seccomp"}


async def held(_folders: tuple[Path, ...]) -> dict[str, str]:
    """A platform with all fences; the real ones are tried in the test of the healthy installation."""
    return HELD


def loaded(folders: tuple[Path, ...]) -> packs.Guideline:
    """The guideline, read once where nothing lies over it."""
    return packs.load(folders) if len(folders) > 1 else GUIDELINE


class Patient:
    """An installation in which all is well, until a test breaks something."""

    def __init__(self, tmp_path: Path, app_key: tuple[str, str]) -> None:
        self.key = app_key[0]
        self.folder = tmp_path / "data"
        self.folder.mkdir(parents=True)
        (tmp_path / "git").mkdir()
        hook = Webhook("https://postil.example.com/webhooks/github", transport=httpx.MockTransport(self._receive))
        self.github = ValidatedGitHub(tmp_path / "git", public_key=app_key[1], webhook=hook)
        asked = {need.name: need.level for need in wants().permissions}
        self.github.app_permissions, self.github.app_events = asked, tuple(need.name for need in wants().events)
        self.github.installation.permissions = dict(asked)
        self.answer = 202
        self.github.clock = lambda: datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.around = Surroundings(load=loaded, fences=held, transport=httpx.ASGITransport(self.github))
        self.env = {
            "POSTIL_GITHUB_APP_ID": self.github.app_id,
            "POSTIL_GITHUB_PRIVATE_KEY": app_key[0],
            "POSTIL_GITHUB_WEBHOOK_SECRET": self.github.webhook.secret,
            "POSTIL_PUBLIC_URL": "https://postil.example.com",
            "POSTIL_DATABASE_URL": f"sqlite:///{self.folder}/postil.db",
        }

    def _receive(self, request: httpx.Request) -> httpx.Response:
        if not self.answer:
            raise httpx.ConnectError("connection refused", request=request)
        return httpx.Response(self.answer)

    def deliver(self, answer: int = 202) -> None:
        """GitHub sends a delivery, which is answered so."""
        self.answer = answer
        asyncio.run(self.github.deliver(self.github.delivery("ping")))

    def examine(self) -> list[doctor.Finding]:
        """What the doctor finds."""
        try:
            settings = Settings.load(self.env)
        except SettingsError as error:
            return doctor.of_settings(error)
        found = asyncio.run(doctor.examine(settings, self.around))
        # GitHub's description of this list wants each account to be a person and an enterprise at once.
        self.github.expect("does not allow GET /app/installations 200: 'name' is a required property")
        return found


def test_a_healthy_installation_has_no_findings_but_good_ones(tmp_path: Path, app_key: tuple[str, str]) -> None:
    """False alarms of a doctor are the worst of all. Here the fences are really tried."""
    patient = Patient(tmp_path, app_key)
    patient.around = replace(patient.around, fences=Surroundings().fences)
    patient.deliver()
    asyncio.run(migrated(patient.env["POSTIL_DATABASE_URL"]))
    found = [each for each in patient.examine() if each.about != "fences"]

    assert [each for each in found if each.level is not Level.GOOD] == []
    assert {each.about for each in found} == {
        "disk", "database", "address", "packs", "clock", "credentials", "permissions", "installed", "deliveries",
    }  # fmt: skip
    assert patient.github.complaints == []


async def migrated(url: str) -> None:
    """Make the tables, as a first start does."""
    jobs = Jobs(url)
    await jobs.open()
    await jobs.stop()


def no_credentials(patient: Patient) -> None:
    patient.env = {"POSTIL_DATABASE_URL": patient.env["POSTIL_DATABASE_URL"]}


def wrong_setting(patient: Patient) -> None:
    patient.env["POSTIL_GITHUB_APP_ID"] = "postil"


def readable_file(patient: Patient) -> None:
    stored.write(patient.folder, {"github_app_id": patient.github.app_id}).chmod(0o644)


def two_secrets(patient: Patient) -> None:
    stored.write(patient.folder, {"github_webhook_secret": "another secret of ours"})


def full_disk(patient: Patient) -> None:
    patient.around = replace(patient.around, free=lambda _: 12_000_000)


def damaged_database(patient: Patient) -> None:
    (patient.folder / "postil.db").write_bytes(b"This is no database. " * 100)


def newer_database(patient: Patient) -> None:
    url = patient.env["POSTIL_DATABASE_URL"]
    asyncio.run(migrated(url))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE postil_schema SET version_num = '9999'"))
    engine.dispose()


def private_address(patient: Patient) -> None:
    patient.env["POSTIL_PUBLIC_URL"] = "http://localhost:8000"
    patient.github.webhook = replace(patient.github.webhook, url="http://localhost:8000/webhooks/github")


def wrong_pack(patient: Patient) -> None:
    pack = patient.folder / "pack"
    pack.mkdir()
    (pack / "pack.toml").write_text('name = "acme"\nurll = "https://wiki.acme.example"\n')
    patient.env["POSTIL_PACKS"] = str(pack)


def no_fences(patient: Patient) -> None:
    async def none(_folders: tuple[Path, ...]) -> dict[str, str]:
        return {"network": "", "files": "no file may grow", "processes": "limit of none"}

    patient.around = replace(patient.around, fences=none)


def no_way_to_github(patient: Patient) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]", request=request)

    patient.around = replace(patient.around, transport=httpx.MockTransport(refuse))


def wrong_clock(patient: Patient) -> None:
    patient.around = replace(patient.around, now=lambda: time.time() - 400)


def old_server(patient: Patient) -> None:
    patient.github.misbehave("GET", "/meta", faults.Fault(headers={"x-github-enterprise-version": "3.9.2"}))


def another_key(patient: Patient) -> None:
    patient.github.misbehave("GET", "/app$", faults.BAD_CREDENTIALS)


def fewer_rights(patient: Patient) -> None:
    patient.github.app_permissions = {**patient.github.app_permissions, "checks": "read", "pull_requests": "read"}


def fewer_events(patient: Patient) -> None:
    patient.github.app_events = ("pull_request",)


def not_installed(patient: Patient) -> None:
    patient.github.installation.removed = True


def not_accepted(patient: Patient) -> None:
    patient.github.grant(merge_queues="none")


def suspended(patient: Patient) -> None:
    patient.github.installation.suspended = True


def another_webhook(patient: Patient) -> None:
    patient.github.webhook = replace(patient.github.webhook, url="https://old.example.com/webhooks/github")


def silent_webhook(patient: Patient) -> None:
    patient.github.deliveries.log.clear()


def answered(status: int) -> Callable[[Patient], None]:
    """The newest delivery was answered so."""
    return lambda patient: patient.deliver(status)


BROKEN: dict[str, Callable[[Patient], Any]] = {
    "no credentials": no_credentials,
    "wrong setting": wrong_setting,
    "readable file": readable_file,
    "two secrets": two_secrets,
    "full disk": full_disk,
    "damaged database": damaged_database,
    "newer database": newer_database,
    "private address": private_address,
    "wrong pack": wrong_pack,
    "no fences": no_fences,
    "no way to GitHub": no_way_to_github,
    "wrong clock": wrong_clock,
    "old server": old_server,
    "another key": another_key,
    "fewer rights": fewer_rights,
    "fewer events": fewer_events,
    "not installed": not_installed,
    "rights not accepted": not_accepted,
    "suspended": suspended,
    "another webhook": another_webhook,
    "silent webhook": silent_webhook,
    "secrets differ": answered(401),
    "proxy changes the path": answered(404),
    "proxy takes little": answered(413),
    "proxy redirects": answered(308),
    "service without database": answered(503),
    "nobody there": answered(0),
}


def test_every_broken_installation_is_found_and_its_cure_named(tmp_path: Path, app_key: tuple[str, str]) -> None:
    """Each is one that somebody had; the words are all that an operator has at night."""
    said = []
    for name, breaks in BROKEN.items():
        patient = Patient(tmp_path / name, app_key)
        patient.deliver()
        breaks(patient)
        said.append(f"{name}:")
        for each in patient.examine():
            if each.level is not Level.GOOD:
                words = f"{each.level} {each.about}: {each.said} → {each.cure}".replace(str(tmp_path), "FOLDER")
                said.append(textwrap.indent(textwrap.fill(words, 110), "  "))
        assert patient.github.complaints == [], name
    told = "\n".join(said).replace(f"user {os.getuid()}", "user 1000")

    assert len(BROKEN) == len(re.findall(r"^[a-z].*:\n  (broken|warning) ", told, re.IGNORECASE | re.MULTILINE))
    assert told == snapshot("""\
no credentials:
  broken credentials: There are none: this isn't a GitHub App yet. → Run `postil serve` and open the link in its
  log, or set the App's credentials in the environment.
wrong setting:
  broken settings: POSTIL_GITHUB_APP_ID is neither the number of an App nor a client id. → Give the number that
  the App's settings page shows as App ID, or its Client ID.
readable file:
  broken credentials: FOLDER/readable file/data/github-app.json can be read by others (mode 0644). → chmod 600
  FOLDER/readable file/data/github-app.json
two secrets:
  warning credentials: The environment overrules FOLDER/two secrets/data/github-app.json:
  POSTIL_GITHUB_WEBHOOK_SECRET. → Take the variables out of the environment, or move the file away, so that one
  of them is the truth.
full disk:
  broken disk: 12 MB are free at FOLDER/full disk/data. → Free 500 MB at least.
damaged database:
  broken database: It can't be worked with: file is not a database → Look at the server, its address in
  POSTIL_DATABASE_URL, and what this user may do there.
newer database:
  broken database: Its tables are at revision 9999, which this version doesn't know. → Start the newer version.
private address:
  broken address: http://localhost:8000 is this machine's own name for itself: GitHub can't send there. → Set
  POSTIL_PUBLIC_URL to the name that others know, with https://, and the App's webhook to it.
wrong pack:
  broken packs: FOLDER/wrong pack/data/pack/pack.toml:2: `urll` is no key of a pack; did you mean `url`? → Mend
  the pack, or take it out of POSTIL_PACKS; `postil rules` tells the same.
no fences:
  warning fences: What is analysed isn't kept from: network, files. → Run it on Linux 5.13 or later, in a
  container that allows seccomp and Landlock.
no way to GitHub:
  broken github: https://api.github.com can't be reached: api.github.com doesn't answer: [SSL:
  CERTIFICATE_VERIFY_FAILED]. → Look at the name, the proxy (HTTPS_PROXY) and the certificates (SSL_CERT_FILE)
  of this process.
wrong clock:
  broken clock: This machine's clock is 400 s behind GitHub's. → Let it be set by NTP: GitHub refuses proofs
  that are dated wrongly.
old server:
  warning github: Enterprise Server 3.9.2 is older than any that Postil was compared with. → Bring it to 3.14 or
  later.
another key:
  broken credentials: GitHub doesn't take App 1 with its key: GET /app: 401 Bad credentials. → Compare
  POSTIL_GITHUB_APP_ID with the App's page, and generate a new private key there if it is right: the key belongs
  to another App, or was deleted.
fewer rights:
  broken permissions: The App lacks pull_requests: write, checks: write. → Grant it at
  https://github.com/organizations/acme/settings/apps/postil/permissions; owners of installations are then asked
  to accept.
fewer events:
  broken events: The App isn't told of issue_comment, pull_request_review, pull_request_review_comment,
  merge_group. → Tick it under “Subscribe to events” at
  https://github.com/organizations/acme/settings/apps/postil/permissions.
not installed:
  broken installed: The App is installed nowhere. → Install it on repositories:
  https://github.com/organizations/acme/settings/apps/postil/installations
rights not accepted:
  broken installed: acme hasn't accepted merge_queues: read. → Its owner accepts the new permissions at
  http://github.test/settings/installations/1003
suspended:
  warning installed: acme has suspended the App. → Its owner takes that back at
  http://github.test/settings/installations/1003
another webhook:
  broken webhook: The App sends deliveries to https://old.example.com/webhooks/github, and they are expected at
  https://postil.example.com/webhooks/github. → Set the webhook URL at
  https://github.com/organizations/acme/settings/apps/postil, or POSTIL_PUBLIC_URL here.
silent webhook:
  broken deliveries: GitHub's log of deliveries is empty: nothing was ever sent. → Tick “Active” under Webhook
  at https://github.com/organizations/acme/settings/apps/postil, and press “Redeliver” on the ping under
  Advanced.
secrets differ:
  broken deliveries: The newest delivery (ping, 2026-03-01T12:00:00Z) was answered with 401: the signature is
  refused. → Set the same secret on the App's page and in POSTIL_GITHUB_WEBHOOK_SECRET: theirs and ours differ.
proxy changes the path:
  broken deliveries: The newest delivery (ping, 2026-03-01T12:00:00Z) was answered with 404: the path isn't
  found. → Something else answers at this address, or a proxy changes the path; /webhooks/github must arrive as
  it is.
proxy takes little:
  broken deliveries: The newest delivery (ping, 2026-03-01T12:00:00Z) was answered with 413: the body is too
  large for a proxy. → Let the proxy take 25 MB (nginx: client_max_body_size 25m).
proxy redirects:
  broken deliveries: The newest delivery (ping, 2026-03-01T12:00:00Z) was answered with 308: it is redirected,
  which GitHub doesn't follow. → Give the final address at
  https://github.com/organizations/acme/settings/apps/postil.
service without database:
  broken deliveries: The newest delivery (ping, 2026-03-01T12:00:00Z) was answered with 503: the service can't
  store deliveries. → Look after the database; if it is well here, the service that answers isn't set up.
nobody there:
  broken deliveries: The newest delivery (ping, 2026-03-01T12:00:00Z) was answered with nothing: nobody answers
  there. → Let GitHub reach that address: look at DNS, the certificate, the proxy and the firewall.\
""")


def test_missing_credentials_are_named_though_github_can_not_be_reached(
    tmp_path: Path, app_key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has mended the network would else begin again; and a folder is told by its whole path."""
    patient = Patient(tmp_path, app_key)
    patient.env = {}
    no_way_to_github(patient)
    patient.around = replace(patient.around, free=lambda _: 2_000_000_000)
    monkeypatch.chdir(tmp_path)
    patient.folder.rmdir()
    found = patient.examine()

    assert [each.about for each in found if each.level is Level.BROKEN] == ["credentials", "github"]
    assert [each.said for each in found if each.about == "disk"] == [f"2 GB are free at {tmp_path}."]


def test_it_speaks_to_programs_too_and_exits_with_1_when_something_is_broken(tmp_path: Path) -> None:
    """A deployment asks it, and stops."""
    runner = CliRunner()
    env = {"POSTIL_DATABASE_URL": f"sqlite:///{tmp_path}/postil.db", "POSTIL_GITHUB_APP_ID": "postil"}
    shown = runner.invoke(app, ["doctor"], env=env)
    told = runner.invoke(app, ["doctor", "--format", "json"], env=env)

    assert (shown.exit_code, told.exit_code) == (1, 1)
    assert shown.stdout == snapshot("""\
broken   settings     POSTIL_GITHUB_APP_ID is neither the number of an App nor a client id.
                      → Give the number that the App's settings page shows as App ID, or its Client
                        ID.
broken   settings     POSTIL_GITHUB_PRIVATE_KEY is missing.
                      → Give the whole text of the .pem file that GitHub made under “Generate a
                        private key”; its line ends may be written as \\n. Or name the file, which
                        the service's user must be able to read, in POSTIL_GITHUB_PRIVATE_KEY_FILE
                        instead.
broken   settings     POSTIL_GITHUB_WEBHOOK_SECRET is missing.
                      → Give the secret that the App's webhook signs with, for example from `openssl
                        rand -hex 32`; two, separated by a comma, while one replaces the other.
broken   settings     POSTIL_PUBLIC_URL is missing.
                      → Give the address where GitHub and people reach this service, such as
                        https://postil.example.com; comments link to the guideline there.

4 broken.
""")
    assert json.loads(told.stdout)["broken"] is True
    assert {each["level"] for each in json.loads(told.stdout)["findings"]} == {"broken"}


def test_without_anything_broken_it_says_so() -> None:
    """And a warning doesn't fail a deployment."""
    found = [doctor.good("clock", "It agrees with GitHub's."), doctor.warning("disk", "Everybody may write.", "Don't.")]

    assert doctor.text(found) == snapshot("""\
good     clock        It agrees with GitHub's.
warning  disk         Everybody may write.
                      → Don't.

Nothing is broken.\
""")
    assert not doctor.is_broken(found)
