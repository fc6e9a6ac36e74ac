"""Whatever is sent to the webhook, it is answered, costs bounded memory, and loses no work: the endpoint under fire."""

import copy
import gzip
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from postil.webhook import MAX_VALUES
from test_web import EXAMPLES, PEM, SECRET, free_port, of_app, opened, wait_for

INPUTS = int(os.environ.get("FUZZ", "0")) or 500
"""How many requests there are; `make fuzz TARGET=endpoint` asks for more."""
SEED = int(os.environ.get("SEED", "0"))
MIB = 1024 * 1024
LIMIT = 25 * MIB
RATIO = 20
"""Most memory for a byte of a body: it is held as bytes, as a text and as objects, of which there are MAX_VALUES."""

SILENCE = 599
"""In place of a status: no answer within five minutes, in which a busy machine gives the service some seconds."""

Random = random.Random

# Values of which some parser, some column, some regular expression or some address has had its trouble.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**400, -(10**30), 0.5, 1e308, -0.0),
    *(float("nan"), float("inf"), "", " ", "0", "\0", "\ud800", "\udfff\ud800", "\u202e", "\ufeff", "💥" * 100),
    *("../../etc/passwd", "a/b", "A" * 40, "a" * 40, "f" * 64, "x" * 70_000, "-" * 101, "%00", "\r\nX-A: b", "null"),
    *("2026-01-02T03:04:05Z", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "1e999"),
    *([], {}, [None], [[]], {"": None}, {"id": {}}, {"login": []}, [{"number": 1}] * 50, {"sha": "a" * 40}),
    *("/recheck", "/postil " + "a" * 5_000, "/postil ignore raise-without-from \ud800", "/postil\n" * 3_000),
    *("acme/shop#7@run 1 x", "acme/shop#" + "9" * 40, "#0", "a" * 100_000 + "#1"),
)
# What decisions are made of. Everything else is skipped over.
MATTERS = re.compile(r"(action|id|login|type|name|number|sha|updated_at|body|base|head_sha|external_id|identifier)$")


@dataclass(frozen=True)
class Post:
    """One request: its headers, its body, how it is cut into pieces, and whether the length is told as a number."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    pieces: int = 1
    length: bytes | None = None
    method: bytes = b"POST"
    broken: bool = False

    def sent(self) -> Iterator[bytes]:
        """Its bytes, in the pieces in which they are sent."""
        size = max(1, -(-len(self.body) // self.pieces))
        parts = [self.body[at : at + size] for at in range(0, len(self.body), size)]
        if self.pieces == 1:
            told = [(b"content-length", str(len(self.body)).encode() if self.length is None else self.length)]
        else:
            told = [(b"transfer-encoding", b"chunked")]
            parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]
        lines = [name + b": " + value for name, value in (*self.headers, *told)]
        yield b"\r\n".join([self.method + b" /webhooks/github HTTP/1.1", b"host: postil", *lines, b"", b""])
        yield from parts

    def header(self, name: bytes) -> str:
        """A header's value."""
        return next((value.decode("latin-1") for given, value in self.headers if given == name), "")


def signature(body: bytes) -> bytes:
    """What GitHub would sign a body with."""
    return b"sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()


def signed(dice: Random, event: str, body: bytes, **how: Any) -> Post:
    """A request as GitHub makes it, with its body."""
    headers = (
        (b"content-type", b"application/json"),
        (b"x-github-event", event.encode()),
        (b"x-github-delivery", str(uuid.UUID(int=dice.getrandbits(128))).encode()),
        (b"x-hub-signature-256", signature(body)),
    )
    return Post(headers, body, **how)


def example(dice: Random) -> tuple[str, dict[str, Any]]:
    """One of GitHub's own, with its event."""
    event = dice.choice(sorted(EXAMPLES))
    return event, of_app(copy.deepcopy(dice.choice(EXAMPLES[event])))


def written(payload: object) -> bytes:
    """A payload as JSON, with what only Python takes for JSON (NaN, lone surrogates)."""
    return json.dumps(payload).encode()


def places(value: Any, name: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every place of a payload: what holds it, under which key, and the key of the nearest object."""
    if isinstance(value, dict | list):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            known = key if isinstance(key, str) else name
            yield value, key, known
            yield from places(inner, known)


def odd(dice: Random) -> Any:
    """One of the odd values, of its own: the next one may be put into it."""
    return copy.deepcopy(dice.choice(ODD))


def random_value(dice: Random, depth: int = 4) -> Any:
    """Any JSON."""
    if depth == 0 or dice.random() < 0.4:
        return odd(dice)
    size = dice.randrange(5)
    if dice.random() < 0.5:
        return [random_value(dice, depth - 1) for _ in range(size)]
    keys = ["action", "installation", "repository", "pull_request", "id", "sender", "\ud800", ""]
    return {dice.choice(keys): random_value(dice, depth - 1) for _ in range(size)}


# Each makes one request that nobody has sent yet.


def any_json(dice: Random) -> Post:
    """A body of anything."""
    return signed(dice, dice.choice(sorted(EXAMPLES)), written(random_value(dice)))


def wrong_types(dice: Random) -> Post:
    """A real payload in which some fields are of another type, or far too large: most often those that matter."""
    event, payload = example(dice)
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        every = list(places(payload))
        picked = [place for place in every if MATTERS.match(place[2])] if dice.random() < 0.7 else every
        holder, key, _name = dice.choice(picked or every)
        holder[key] = odd(dice)
    return signed(dice, event, written(payload))


def missing(dice: Random) -> Post:
    """A real payload without some of its fields."""
    event, payload = example(dice)
    for _ in range(dice.randint(1, 5)):
        holder, key, _name = dice.choice([place for place in places(payload) if isinstance(place[0], dict)])
        holder.pop(key, None)
    return signed(dice, event, written(payload))


def doubled(dice: Random) -> Post:
    """A real payload in which keys stand twice, with another value each."""
    event, payload = example(dice)
    text = written(payload).decode()
    for _ in range(dice.randint(1, 4)):
        key = dice.choice(list(re.finditer(r'"(\w+)": ', text)))
        text = f"{text[: key.start()]}{key[0]}{json.dumps(dice.choice(ODD))}, {text[key.start() :]}"
    return signed(dice, event, text.encode())


def nested(dice: Random) -> Post:
    """Objects or lists within each other, deeper than any parser goes, alone or as a field of a real payload."""
    depth = dice.choice([100, 900, 1_000, 1_100, 5_000, 100_000, 1_000_000])
    opening, closing = dice.choice([("[", "]"), ('{"a":', "}"), ('[{"b":', "}]")])
    deep = opening * depth + "1" + closing * dice.choice([depth, depth, 0])
    if dice.random() < 0.5:
        return signed(dice, "pull_request", deep.encode())
    event, payload = example(dice)
    key = dice.choice(["action", "repository", "pull_request", "comment", "check_run"])
    return signed(dice, event, f'{written(payload).decode()[:-1]}, "{key}": {deep}}}'.encode())


def numbers(dice: Random) -> Post:
    """A real payload in which numbers are longer than any that is one."""
    event, payload = example(dice)
    digits = "9" * dice.choice([20, 400, 4_300, 4_301, 50_000])
    number = dice.choice([digits, f"-{digits}", f"1e{digits}", f"0.{digits}", f"{digits}.5", "1e400", "-1e-400", "01"])
    text = written(payload).decode()
    place = dice.choice(list(re.finditer(r": \d+", text)))
    return signed(dice, event, f"{text[: place.start()]}: {number}{text[place.end() :]}".encode())


def spoiled(dice: Random) -> Post:
    """A real payload with other bytes in it, cut off, or in another encoding."""
    event, payload = example(dice)
    body = written(payload)
    at = dice.randrange(len(body))
    other = dice.choice(
        [
            body[:at],
            body[:at] + dice.randbytes(4) + body[at:],
            body[:at] + b"\xed\xa0\x80" + body[at:],
            body.decode().encode(dice.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-be"])),
            gzip.compress(body),
            b"payload=" + body,
            body * 2,
            b"",
        ]
    )
    return signed(dice, event, other)


def unsigned(dice: Random) -> Post:
    """A real delivery with another signature, or none, or several."""
    event, payload = example(dice)
    post = signed(dice, event, written(payload))
    right = signature(post.body)
    given = dice.choice(
        [
            [],
            [b""],
            [right[:-1]],
            [right.upper()],
            [right[7:]],
            [b"sha1=" + hmac.new(SECRET.encode(), post.body, hashlib.sha1).hexdigest().encode()],
            [signature(post.body + b" ")],
            [b"\xff" * 71],
            [b"sha256=" + b"0" * 60_000],
            [b"sha256=" + b"0" * 64, right],
        ]
    )
    others = tuple(pair for pair in post.headers if pair[0] != b"x-hub-signature-256")
    return replace(post, headers=(*others, *((b"x-hub-signature-256", each) for each in given)))


def odd_headers(dice: Random) -> Post:
    """A real delivery with headers that GitHub doesn't send."""
    event, payload = example(dice)
    post = signed(dice, event, written(payload))
    odd = (b"", b" ", b"\xff\xfe", b"a" * 70_000, b"a" * 65, b"../x", b"'; DROP TABLE x; --", b"Ping", b"\t", b"a\x00b")
    others = list(post.headers)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(others) - 1)
        others[at] = (others[at][0], dice.choice(odd))
    more = [
        (b"content-encoding", b"gzip"),
        (b"expect", b"100-continue"),
        (b"accept", b"\xff"),
        (b"x-forwarded-for", b"::1, \xff"),
        (b"connection", b"upgrade"),
        (b"upgrade", b"websocket"),
        (b"content-type", b"multipart/form-data; boundary=" + b"x" * 9_000),
        (b"x" * 500, b"y"),
    ]
    return replace(post, headers=(*others, *dice.sample(more, dice.randrange(3))))


def odd_lengths(dice: Random) -> Post:
    """A real delivery in pieces, or whose length is none, another, or told twice."""
    event, payload = example(dice)
    body = written(payload)
    if dice.random() < 0.4:
        return signed(dice, event, body, pieces=dice.randint(2, 40))
    length = dice.choice([b"0", b"-1", b"1e3", b"", b"\xb2", b"9" * 30, b"25", str(len(body) + 1_000).encode()])
    return signed(dice, event, body, length=length, broken=True)


def odd_methods(dice: Random) -> Post:
    """A real delivery by another method."""
    event, payload = example(dice)
    method = dice.choice([b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD", b"TRACE", b"PROPFIND", b"post"])
    return signed(dice, event, written(payload), method=method)


def large(dice: Random) -> Post:
    """A body of GitHub's own limit, or one byte more; signed or not; text, or what takes most memory."""
    size = dice.choice([LIMIT, LIMIT, LIMIT, LIMIT + 1])
    unit = dice.choice([b"x", b"\\u00e9", '"123456💥",'.encode(), b"[],", b'{"a":[]},', b'{"number":1.5},'])
    count = (size - 200) // len(unit)
    values = sum(map(unit.count, (b",", b"[", b"{")))
    if values and dice.random() < 0.8:
        count = min(count, MAX_VALUES // values - 10)
    key = dice.choice([b'"padding": ', b'"pull_request": ', b'"repositories": ', b'"check_run": {"pull_requests": '])
    inner = b"[" + unit * count + b"1]" if values else b'"' + unit * count + b'"'
    body = b'{"action": "opened", ' + key + inner + b"}" * (1 + key.count(b"{"))
    post = signed(dice, "pull_request", body + b" " * (size - len(body)), pieces=dice.choice([1, 1, 200]))
    return post if dice.random() < 0.7 else replace(post, headers=(*post.headers[:3], (b"x-hub-signature-256", b"x")))


def flawless(dice: Random) -> Post:
    """A real delivery, now and then the same again."""
    event, payload = example(dice)
    return signed(Random(dice.randrange(40)), event, written(payload))


KINDS: tuple[Callable[[Random], Post], ...] = (
    *(any_json, wrong_types, wrong_types, wrong_types, missing, doubled, nested, numbers),
    *(spoiled, unsigned, odd_headers, odd_lengths, odd_methods, flawless),
)


def requests(count: int) -> Iterator[Post]:
    """So many requests, some of them large."""
    dice = Random(SEED)
    for number in range(count):
        yield (large if number % 125 == 124 else dice.choice(KINDS))(dice)


def answer(port: int, post: Post) -> tuple[int, str]:
    """The status of the answer and its result; 0 where the connection ended without one, and may do so."""
    excused = post.broken
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        try:
            for part in post.sent():
                connection.sendall(part)
            if post.broken:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            # It was answered before all was sent, and what comes after the end can take the answer away.
            excused = True
        response = http.client.HTTPResponse(connection, method=post.method.decode())
        try:
            response.begin()
        except ConnectionResetError:
            # It was answered before all was read.
            return 0, ""
        except TimeoutError:
            return SILENCE, ""
        except (http.client.HTTPException, ConnectionError):
            if not excused:
                raise
            return 0, ""
        try:
            return response.status, json.loads(response.read()).get("result", "")
        except (ValueError, ConnectionResetError):
            return response.status, ""


@contextmanager
def serving(folder: Path) -> Generator[tuple[int, subprocess.Popen[str]]]:
    """The real service as a process that stores deliveries and reviews none; its log goes to a file."""
    port = free_port()
    env = {
        "POSTIL_GITHUB_APP_ID": "12345",
        "POSTIL_GITHUB_PRIVATE_KEY": PEM,
        "POSTIL_GITHUB_WEBHOOK_SECRET": SECRET,
        "POSTIL_PUBLIC_URL": "https://postil.example.com",
        "POSTIL_DATABASE_URL": f"sqlite:///{folder}/postil.db",
        "POSTIL_LISTEN": f"127.0.0.1:{port}",
        "POSTIL_ROLE": "web",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "postil.cli", "serve"], env=os.environ | env, stderr=log, text=True
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield port, process
        finally:
            process.kill()
            process.wait()


def peak(process: subprocess.Popen[str]) -> int:
    """The most memory that a process ever had, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


@pytest.mark.kill
def test_every_request_is_answered_in_bounded_memory_and_no_work_is_lost(tmp_path: Path) -> None:
    """Anybody reaches the webhook, and GitHub never sends a delivery again by itself."""
    wrong: list[tuple[int, Post]] = []
    taken: set[str] = set()
    seen: Counter[int] = Counter()
    last = signed(Random(SEED + 1), "pull_request", written(opened()))
    with serving(tmp_path) as (port, process):
        answer(port, flawless(Random(0)))
        before = peak(process)
        for post in requests(INPUTS):
            status, result = answer(port, post)
            seen[status] += 1
            if status >= 500:
                wrong.append((status, replace(post, body=post.body[:3_000])))
            if result in ("accepted", "coalesced"):
                taken.add(post.header(b"x-github-delivery"))
        grown = peak(process) - before
        end = answer(port, last)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/postil.db")
    with engine.connect() as connection:
        stored = set(connection.execute(sa.text("SELECT id FROM postil_deliveries")).scalars())
    engine.dispose()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    print(f"{INPUTS} requests: {dict(seen)}; {grown / MIB:.0f} MiB grown; {len(stored)} stored")
    assert wrong == []
    assert [line for line in lines if "exception" in line or line["level"] in ("error", "critical")] == []
    assert grown <= RATIO * LIMIT
    assert end[0] == 202
    assert taken
    assert taken | {last.header(b"x-github-delivery")} <= stored
    assert {202, 400, 401} <= set(seen)
    assert seen[0] <= INPUTS / 20
