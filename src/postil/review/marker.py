"""The hidden line in what the bot writes, by which it knows its own words again.

Pure. A marker names the run that wrote it, the commit that was judged, the findings that were said and their rules, and
what people ordered. All of it is written so that nothing in it can end an HTML comment. Older markers lack some of the
fields, and older readers leave out those that they don't know.

Nobody can plant one. GitHub says which texts are ours (`viewerDidAuthor`), and in those only the last marker counts,
which is the one that we put there: what strangers have in our texts, as a suggestion's code, stands before it. The
signature is for whoever reads without asking GitHub. The service doesn't look at it, since its key comes from the
webhook's secret: when that is replaced, everything would be said again.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

_VERSION = "1"
_MARKER = re.compile(r"<!-- postil:(\d+) ([^<>\n]*?) sig=([0-9a-f]{32}) -->")
_FINGERPRINT = re.compile(r"[0-9a-f]{12,64}")


@dataclass(frozen=True, slots=True)
class Marker:
    """What a marker says. `run` is the job's name ("owner/repo#7@run 12"), `head` the commit that was judged.

    `rules` are those of the findings; `orders` what holds on the pull request from here on ("" where nothing changed).
    """

    run: str
    head: str
    fingerprints: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    orders: str = ""


def marker(
    run: str,
    head: str,
    fingerprints: Iterable[str] = (),
    key: bytes = b"",
    *,
    rules: Iterable[str] = (),
    orders: str = "",
) -> str:
    """The hidden line for a comment or a review, signed with `key`."""
    said = f"run={_word(run)} head={_word(head)} found={','.join(fingerprints)}"
    if named := ",".join(map(_word, rules)):
        said += f" rules={named}"
    if orders:
        said += f" orders={_word(orders)}"
    return f"<!-- postil:{_VERSION} {said} sig={_signature(said, key)} -->"


def read_marker(body: str, key: bytes | None = None) -> Marker | None:
    """The last marker in `body` that `key` signed; None if there is none.

    Without a key the signature is not looked at: only for text that GitHub says is our own.
    """
    for found in reversed(_MARKER.findall(body)):
        version, said, signature = found
        if version == _VERSION and (key is None or hmac.compare_digest(signature, _signature(said, key))):
            fields = dict(field.partition("=")[::2] for field in said.split(" "))
            return Marker(
                unquote(fields.get("run", "")),
                unquote(fields.get("head", "")),
                tuple(each for each in fields.get("found", "").split(",") if _FINGERPRINT.fullmatch(each)),
                tuple(unquote(each) for each in fields.get("rules", "").split(",") if each),
                unquote(fields.get("orders", "")),
            )
    return None


def _word(text: str) -> str:
    return quote(text, safe="/", errors="replace").replace("-", "%2D")


def _signature(said: str, key: bytes) -> str:
    return hmac.new(key, f"postil:{_VERSION} {said}".encode(), hashlib.sha256).hexdigest()[:32]
