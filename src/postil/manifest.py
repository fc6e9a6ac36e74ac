"""What the App asks of GitHub, and why: `app.yml`, read for people and made into the manifest that GitHub takes."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve()
# An installed package carries the file inside; in a checkout it stands where people read it.
_FILE = next((p for p in (_HERE.with_name("app.yml"), _HERE.parents[2] / "app.yml") if p.is_file()), None)
_COMMENT = re.compile(r"\s*# (?P<said>.*)")
_PERMISSION = re.compile(r"  (?P<optional># )?(?P<name>\w+): (?P<level>read|write)")
_EVENT = re.compile(r"  - (?P<name>\w+)")
_TEXT = re.compile(r"(?P<key>name|description): (?P<said>.+)")

WEBHOOK_PATH = "/webhooks/github"
LONGEST_NAME = 34
"""Characters in an App's name, GitHub's maximum."""


@dataclass(frozen=True, slots=True)
class Need:
    """A permission (`level` is read or write) or an event (no level) that the App asks for, and the reason."""

    name: str
    level: str
    why: str


@dataclass(frozen=True, slots=True)
class Wants:
    """All that the App asks for. `optional` permissions replace the needed ones of the same name."""

    name: str
    description: str
    permissions: tuple[Need, ...]
    optional: tuple[Need, ...]
    events: tuple[Need, ...]

    def lacks(self, granted: Mapping[str, str], events: Collection[str]) -> tuple[Need, ...]:
        """What is needed and isn't among the permissions and events that somebody granted."""
        return tuple(
            need
            for need in (*self.permissions, *self.events)
            if (need.name not in events if not need.level else not suffices(granted.get(need.name, ""), need.level))
        )


def suffices(level: str, needed: str) -> bool:
    """Whether a permission's `level` ("" for none) includes the needed one."""
    rank = ("", "read", "write", "admin")
    return level in rank and rank.index(level) >= rank.index(needed)


@cache
def wants() -> Wants:
    """Read app.yml. Its lines have a form so strict that a YAML parser, which drops the comments, is no help.

    Raises:
        FileNotFoundError: the installation is broken: the file belongs to the package.
    """
    if _FILE is None:
        raise FileNotFoundError("app.yml is missing beside the package postil")
    texts: dict[str, str] = {}
    needed: list[Need] = []
    optional: list[Need] = []
    events: list[Need] = []
    why: list[str] = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if permission := _PERMISSION.fullmatch(line):
            into = optional if permission["optional"] else needed
            into.append(Need(permission["name"], permission["level"], " ".join(why)))
        elif event := _EVENT.fullmatch(line):
            events.append(Need(event["name"], "", " ".join(why)))
        elif text := _TEXT.fullmatch(line):
            texts[text["key"]] = text["said"]
        elif comment := _COMMENT.fullmatch(line):
            why.append(comment["said"])
            continue
        why = []
    return Wants(texts["name"], texts["description"], tuple(needed), tuple(optional), tuple(events))


def filled_in(public_url: str, extras: Collection[str] = (), organisation: str = "") -> dict[str, Any]:
    """Make the manifest for a service at `public_url`, with the optional permissions that `extras` names.

    The keys are those of GitHub's page "Registering a GitHub App from a manifest".
    """
    asked = wants()
    permissions = {need.name: need.level for need in asked.permissions}
    permissions |= {need.name: need.level for need in asked.optional if need.name in extras}
    # Names are unique on all of GitHub; its own page lets people change this one.
    name = f"{asked.name} for {organisation}" if organisation else asked.name
    return {
        "name": name[:LONGEST_NAME].strip(),
        "description": asked.description,
        "url": public_url,
        "public": False,
        "hook_attributes": {"url": public_url + WEBHOOK_PATH, "active": True},
        "redirect_url": f"{public_url}/setup/callback",
        # Where GitHub leads people who have installed the App.
        "setup_url": f"{public_url}/setup",
        "default_permissions": permissions,
        "default_events": [need.name for need in asked.events],
    }
