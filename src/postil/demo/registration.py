"""How an App comes to be on the stand-in: the pages on which people register it and install it, and the exchange.

What is demanded of a manifest, and the words of the refusals, are those of GitHub's page "Registering a GitHub App from
a manifest" and of its form for Apps.
"""

import json
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.datastructures import URL

from postil.demo import page
from postil.demo.exchange import Answer, Call, Json, not_found, route

if TYPE_CHECKING:
    from postil.demo.fake_github import FakeGitHub

CODE_LIVES = timedelta(hours=1)
LONGEST_NAME = 34
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# The form goes on to wherever the manifest says, as on GitHub.
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action *; frame-ancestors 'none'"
PERMISSIONS = {
    "metadata": ("read",),
    "contents": ("read", "write"),
    "pull_requests": ("read", "write"),
    "checks": ("read", "write"),
    "issues": ("read", "write"),
    "merge_queues": ("read", "write"),
}
NEEDS = {
    "pull_request": ("pull_requests",),
    "pull_request_review": ("pull_requests",),
    "pull_request_review_comment": ("pull_requests",),
    "pull_request_review_thread": ("pull_requests",),
    "issue_comment": ("issues", "pull_requests"),
    "merge_group": ("merge_queues",),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest on its way to become an App, and when it was agreed to."""

    manifest: Json
    organisation: str
    at: datetime


@route("POST", "/settings/apps/new", auth="none")
@route("POST", "/organizations/{organization}/settings/apps/new", auth="none")
def ask(call: Call) -> Answer:
    """The page on which the owner agrees to a manifest that the browser brought; it lets the name be changed."""
    organisation = call.params.get("organization", "")
    try:
        manifest = json.loads(_fields(call).get("manifest", ""))
    except ValueError:
        manifest = None
    faults = _faults(call.fake, manifest, organisation)
    if faults or not isinstance(manifest, dict):
        return _page("register.html", 422, faults=faults, draft="", manifest={}, owner=organisation)
    draft = secrets.token_hex(8)
    call.fake.drafts[draft] = Draft(manifest, organisation, call.fake.clock())
    owner = organisation or "your account"
    state = call.query.get("state", "")
    return _page("register.html", 200, faults=[], draft=draft, manifest=manifest, owner=owner, state=state)


@route("POST", "/settings/apps", auth="none")
def agree(call: Call) -> Answer:
    """The owner agreed: lead the browser back, with a code."""
    fields = _fields(call)
    draft = call.fake.drafts.pop(fields.get("draft", ""), None)
    if draft is None:
        raise not_found()
    code = secrets.token_hex(20)
    manifest = {**draft.manifest, "name": fields.get("name") or draft.manifest["name"]}
    call.fake.manifests[code] = replace(draft, manifest=manifest, at=call.fake.clock())
    back = URL(draft.manifest["redirect_url"]).include_query_params(code=code, state=fields.get("state", ""))
    return Answer(302, None, {"location": str(back)})


@route("POST", "/app-manifests/{code}/conversions", auth="none")
def convert(call: Call) -> Answer:
    """Turn the code into an App with its secrets: once, and within an hour."""
    draft = call.fake.manifests.pop(call.params["code"], None)
    if draft is None or call.fake.clock() > draft.at + CODE_LIVES:
        raise not_found()
    return Answer(201, _become(call.fake, draft))


@route("GET", "/apps/{slug}/installations/new", auth="none")
@route("GET", "/github-apps/{slug}/installations/new", auth="none")
def choose(call: Call) -> Answer:
    """The page on which an owner chooses the repositories."""
    if call.params["slug"] != call.fake.slug:
        raise not_found()
    return _page("install.html", 200, fake=call.fake, path=call.path.removesuffix("/new"))


@route("POST", "/apps/{slug}/installations", auth="none")
@route("POST", "/github-apps/{slug}/installations", auth="none")
def install(call: Call) -> Answer:
    """The App is installed on the chosen repositories; it is told so, and the browser is led to its set-up page."""
    fake = call.fake
    chosen = {value for name, value in parse_qsl(call.raw.decode(errors="replace")) if name == "repository"}
    fake.installation = fake.install(fake.owner, fake.app_permissions)
    fake.installation.repositories += [one for one in fake.repositories if one.full_name in chosen]
    told = fake.delivery("installation", "created")
    location = "/"
    if fake.setup_url:
        here = {"installation_id": fake.installation.id, "setup_action": "install"}
        location = str(URL(fake.setup_url).include_query_params(**here))
    return Answer(302, None, {"location": location}, then=lambda: fake.deliver(told))


def _faults(fake: "FakeGitHub", manifest: Any, organisation: str) -> list[str]:
    """What GitHub finds wrong with a manifest, in its words."""
    if not isinstance(manifest, dict):
        return ["The configuration does not appear to be a valid GitHub App manifest."]
    hook = manifest.get("hook_attributes") or {}
    permissions = manifest.get("default_permissions") or {}
    faults = []
    if organisation and (organisation not in fake.accounts or fake.accounts[organisation].type != "Organization"):
        faults.append(f"There is no organization {organisation}, or you do not own it")
    if not manifest.get("url"):
        faults.append('"url" wasn\'t supplied.')
    if "hook_attributes" in manifest and not hook.get("url"):
        faults.append('"hook_attributes/url" wasn\'t supplied.')
    if len(str(manifest.get("name", ""))) > LONGEST_NAME:
        faults.append(f"Name is too long (maximum is {LONGEST_NAME} characters)")
    for key in ("url", "redirect_url", "setup_url"):
        if key in manifest and urlsplit(str(manifest[key])).scheme not in ("http", "https"):
            faults.append(f"{key} must be a valid URL")
    if urlsplit(str(hook.get("url", ""))).hostname in LOOPBACK and not fake.reaches_loopback:
        faults.append("Hook url is not supported because it isn't reachable over the public Internet (localhost)")
    faults += [
        f"Default permission records resource is not included in the list: {name}: {level}"
        for name, level in permissions.items()
        if level not in PERMISSIONS.get(name, ())
    ]
    unsupported = [
        event for event in manifest.get("default_events", ()) if not set(NEEDS.get(event, ())) & set(permissions)
    ]
    if unsupported:
        faults.append(f"Default events unsupported: {', '.join(unsupported)}")
    return faults


def _become(fake: "FakeGitHub", draft: Draft) -> Json:
    """Turn the App here into the one of a manifest, with a new key, and give GitHub's answer with its secrets."""
    manifest = draft.manifest
    fake.slug = re.sub(r"[^a-z0-9]+", "-", str(manifest.get("name", "app")).lower()).strip("-")
    fake.bot = fake.account(f"{fake.slug}[bot]", "Bot")
    fake.app_id = str(fake.next_id())
    fake.app_permissions = {"metadata": "read", **manifest.get("default_permissions", {})}
    fake.app_events = tuple(manifest.get("default_events", ()))
    fake.setup_url = str(manifest.get("setup_url", ""))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    fake.public_key = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    hook = manifest.get("hook_attributes", {})
    fake.webhook = replace(fake.webhook, url=str(hook.get("url", "")), secret=secrets.token_hex(20))
    # Whoever the App was before isn't installed any more.
    for installation in fake.installations:
        installation.removed = True
    owner = fake.account(draft.organisation) if draft.organisation else fake.account("ada")
    return {
        **fake.shapes.app(),
        "owner": fake.shapes.user(owner),
        "client_id": f"Iv1.{secrets.token_hex(8)}",
        "client_secret": secrets.token_hex(20),
        "webhook_secret": fake.webhook.secret if hook else None,
        "pem": pem.decode(),
    }


def _fields(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.raw.decode(errors="replace")))


def _page(template: str, status: int, **values: Any) -> Answer:
    text = page.templates().get_template(template).render(**values)
    headers = {"content-security-policy": POLICY, "referrer-policy": "no-referrer"}
    return Answer(status, text.encode(), headers, "text/html; charset=utf-8")
