"""The credentials that the set-up in the browser got: one file that only the service's own user may read.

Its keys are the names of settings, so that it is one more source of them.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

FILE = "github-app.json"
MODE = 0o600
NAMES = (
    "github_app_id",
    "github_private_key",
    "github_webhook_secret",
    "github_api_url",
    "github_web_url",
    "public_url",
)
LARGEST = 64 * 1024


class StoredError(Exception):
    """The file is there and can't be used; the text says why."""


def read(folder: Path) -> dict[str, str]:
    """Read the settings in a folder's file; nothing where there is none.

    Raises:
        StoredError: it can't be read, or isn't what `write` writes.
    """
    try:
        with (folder / FILE).open(encoding="utf-8") as file:
            text = file.read(LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise StoredError(error.strerror or "it can't be opened") from error
    except ValueError as error:
        raise StoredError("it is no text") from error
    try:
        values = json.loads(text)
    except ValueError as error:
        raise StoredError("it is no JSON, perhaps cut off") from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise StoredError("it holds something else than names and texts")
    return {name: values[name] for name in NAMES if values.get(name)}


def write(folder: Path, values: Mapping[str, str]) -> Path:
    """Write the file at once or not at all, readable by nobody else, and give its path.

    Raises:
        OSError: the folder can't be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / FILE
    beside = folder / f".{FILE}.{secrets.token_hex(4)}"
    # Never readable by others, not even for the moment between creation and a change of its mode.
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(dict(values), out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return file


def refusal(folder: Path) -> str:
    """Why `write` would fail, tried and cleaned up; "" where it would succeed."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".{FILE}.{secrets.token_hex(4)}"
        probe.touch(MODE)
        probe.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""
