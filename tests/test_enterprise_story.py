"""A review on an Enterprise Server: other addresses, no limits, older payloads, perhaps an older API."""

from pathlib import Path

import httpx
import pytest
from inline_snapshot import snapshot

from postil.demo.deliveries import SERVER_TIMEOUT
from postil.site import Site
from story import running, said, verdicts
from validated_github import ValidatedGitHub

pytestmark = pytest.mark.anyio

BASE = "def pay(card):\n    return charge(card)\n"
HEAD = "def pay(card):\n    try:\n        return charge(card)\n    except:\n        raise\n    return None\n"
HOST = "https://ghe.example.com"


@pytest.mark.parametrize("known", [("2022-11-28",), ()], ids=["of today", "that knows no versions"])
async def test_a_review_on_an_enterprise_server(
    git_folder: Path, tmp_path: Path, app_key: tuple[str, str], known: tuple[str, ...]
) -> None:
    """Everything follows from one address. A server before versions refuses the header, and is asked without it."""
    github = ValidatedGitHub(git_folder, public_key=app_key[1], url=HOST, enterprise="3.14.2", api_versions=known)
    pull = github.open_pull(base_files={"pay.py": BASE}, head_files={"pay.py": HEAD.replace("raise", "pass")})
    async with running(github, app_key, tmp_path, GITHUB_WEB_URL=HOST) as postil:
        await postil.receives(github.delivery("pull_request", "opened", pull=pull))

    refused = [call for call in github.calls if call.status == 400]
    assert said(pull) == snapshot([("pay.py", 4, "**Name what may be ignored, or record the rest**")])
    assert verdicts(pull) == snapshot([("completed", "failure", "1 finding: 1 error")])
    assert len(refused) == (0 if known else 1)
    assert [call.status for call in github.calls if call not in refused and call.status >= 400] == []
    assert github.complaints == []


async def test_what_an_enterprise_server_does_otherwise_is_so_in_the_stand_in(
    git_folder: Path, app_key: tuple[str, str]
) -> None:
    """Its delivery headers, its version on each answer, no API at the root, and the patience that our settings know."""
    github = ValidatedGitHub(git_folder, public_key=app_key[1], url=HOST, enterprise="3.14.2")
    sent = github.delivery("ping")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(github), base_url=HOST) as client:
        meta = await client.get("/api/v3/meta")
        root = await client.get("/app")
    github.expect("an Enterprise Server has no API there: GET /app")

    assert sent.headers["X-GitHub-Enterprise-Host"] == "ghe.example.com"
    assert "node_id" not in str(sent.payload)
    assert (meta.status_code, meta.headers["x-github-enterprise-version"]) == (200, "3.14.2")
    assert root.status_code == 404
    assert Site.of_web(HOST).answer_within == SERVER_TIMEOUT
    assert github.complaints == []
