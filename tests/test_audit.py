"""`make audit`: what it lets pass, and what not."""

import datetime
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TODAY = datetime.datetime.now(datetime.UTC).date()
WEAKNESS = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "aliases": ["CVE-2026-1"],
    "summary": "A way out of the sandbox",
    "details": "",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "jinja2"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
    "references": [],
}
"""In the form of https://ossf.github.io/osv-schema/, as OSV answers `/v1/vulns/ID`."""


class Osv(http.server.BaseHTTPRequestHandler):
    """A stand-in for OSV that knows of one weakness, in jinja2."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
        known = [{"vulns": [WEAKNESS]} if query["package"]["name"] == "jinja2" else {} for query in asked]
        self.answers({"results": known})

    def do_GET(self) -> None:
        self.answers(WEAKNESS)

    def answers(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of requests on standard error."""


@pytest.fixture(scope="module")
def osv() -> Iterator[str]:
    """Its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def audited(tmp_path: Path, osv: str, allowed: str = "") -> tuple[int, list[str]]:
    """The exit status of an audit of our own lock, and what it prints, jinja2's version left out."""
    (tmp_path / "audit.toml").write_text(allowed)
    command = [sys.executable, "scripts/audit.py", "--service-url", osv, "--allowed", str(tmp_path / "audit.toml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, [
        line.partition("jinja2 ")[2].partition(" ")[2] or line for line in done.stdout.splitlines()
    ]


def entry(name: str, until: datetime.date, reason: str = "We have no sandbox.") -> str:
    """An entry of audit.toml."""
    return f'[[allow]]\nid = "{name}"\nreason = "{reason}"\nuntil = {until}\n'


def test_a_weakness_that_nobody_allowed_fails(tmp_path: Path, osv: str) -> None:
    """With its names and the version that mends it."""
    assert audited(tmp_path, osv) == (
        1,
        [
            "GHSA-aaaa-bbbb-cccc, CVE-2026-1, mended in 99.0: A way out of the sandbox",
            "audit: 1 known weaknesses, 1 to mend",
        ],
    )


def test_one_that_is_allowed_passes_until_its_date(tmp_path: Path, osv: str) -> None:
    """By any of its names; afterwards somebody has to look again."""
    yesterday = TODAY - datetime.timedelta(days=1)

    assert audited(tmp_path, osv, entry("CVE-2026-1", TODAY + datetime.timedelta(days=1)))[0] == 0
    status, lines = audited(tmp_path, osv, entry("CVE-2026-1", yesterday))
    assert (status, lines[0]) == (1, f"audit.toml: CVE-2026-1 was allowed until {yesterday}")


def test_an_entry_that_nothing_answers_to_or_that_says_no_reason_fails(tmp_path: Path, osv: str) -> None:
    """Else the list grows, and lets through what comes back under the same name."""
    later = TODAY + datetime.timedelta(days=1)
    unknown = audited(tmp_path, osv, entry("CVE-2026-1", later) + entry("CVE-2026-2", later))
    bare = audited(tmp_path, osv, entry("CVE-2026-1", later, reason=""))

    assert (unknown[0], unknown[1][0]) == (
        1,
        "audit.toml: CVE-2026-2 is no weakness of what is locked any more; take the entry away",
    )
    assert bare[0] == 1
    assert bare[1][0].startswith("audit.toml: an entry needs an id, a reason and a date")


def test_without_the_network_it_is_skipped_and_says_so(tmp_path: Path) -> None:
    """Port 9 of this machine answers nobody."""
    status, lines = audited(tmp_path, "http://127.0.0.1:9/")

    assert status == 0
    assert lines[0].startswith("audit: skipped, the service that knows of weaknesses can't be reached")
