"""git over HTTP, as GitHub speaks it to whoever shows an installation token: for reading only.

The protocol is that of gitprotocol-http(5); `git upload-pack` does the work. GitHub gives any object that is reachable,
by its id, and leaves out contents on demand.
"""

import base64
import gzip
import os
import re
import subprocess
from typing import TYPE_CHECKING

from starlette.responses import Response

from postil.demo.history import GIT, GIT_TIMEOUT

if TYPE_CHECKING:
    from postil.demo.exchange import Call
    from postil.demo.fake_github import FakeGitHub

_PATH = re.compile(r"/([^/]+)/([^/]+)\.git/(info/refs|git-upload-pack)")
_SERVED = ("-c", "uploadpack.allowFilter=true", "-c", "uploadpack.allowAnySHA1InWant=true")


def is_git(path: str) -> bool:
    """Whether a path belongs to git."""
    return _PATH.fullmatch(path) is not None


def respond(fake: "FakeGitHub", call: "Call") -> Response:
    """Answer one request of git. Blocks."""
    found = _PATH.fullmatch(call.path)
    scheme, _, given = call.headers.get("authorization", "").partition(" ")
    user, _, secret = base64.b64decode(given if scheme.lower() == "basic" else "").decode().partition(":")
    token = fake.tokens.get(secret)
    if user != "x-access-token" or token is None or token.expires_at <= fake.clock():
        return Response("No anonymous access", 401, {"www-authenticate": 'Basic realm="GitHub"'})
    there = next((one for one in fake.repositories if found and one.is_called(f"{found[1]}/{found[2]}")), None)
    if there is None or not fake.may_see(token, there) or not fake.allows(token, "contents=read"):
        return Response("Repository not found.", 404)
    if found is not None and there.full_name != f"{found[1]}/{found[2]}":
        asked = f"?{call.query_string}" if call.query_string else ""
        return Response(None, 301, {"location": f"{call.origin}/{there.full_name}.git/{found[3]}{asked}"})
    advertise = found is not None and found[3] == "info/refs"
    if advertise and call.query_string != "service=git-upload-pack":
        return Response("Only reading", 403)
    body = gzip.decompress(call.raw) if call.headers.get("content-encoding") == "gzip" else call.raw
    how = ["--advertise-refs"] if advertise else []
    done = subprocess.run(  # noqa: S603 - no shell, and a folder of our own
        [GIT, *_SERVED, "upload-pack", "--stateless-rpc", *how, str(there.history.folder)],
        input=body,
        capture_output=True,
        timeout=GIT_TIMEOUT,
        check=False,
        env={"PATH": os.defpath, "GIT_PROTOCOL": call.headers.get("git-protocol", "")},
    )
    announced = advertise and "version=2" not in call.headers.get("git-protocol", "")
    start = b"001e# service=git-upload-pack\n0000" if announced else b""
    kind = "advertisement" if advertise else "result"
    return Response(start + done.stdout, 200, {"cache-control": "no-cache"}, f"application/x-git-upload-pack-{kind}")
