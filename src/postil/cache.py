"""What `postil check` found in a file before, kept on the disk of whoever runs it.

An entry's name is a digest of all that its content depends on, so a stale one is never met. Each is written at once;
what can't be read counts as not there, and what can't be written is not kept. The service keeps nothing like this.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from postil.review.model import Analysis

MAX_BYTES = 64 << 20
"""What entries may take. One about a file without findings has some 100 bytes."""
_ANALYSIS = TypeAdapter(Analysis)


def digest(parts: Iterable[bytes | str]) -> str:
    """A name for `parts`, in their order; other parts have another name, however they are cut."""
    hashed = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "big"))
        hashed.update(data)
    return hashed.hexdigest()


class Cache:
    """Analyses by digest: in memory for this run, and in `folder` for the next ones, unless it is None.

    `hits` counts what was found there or in memory.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        self.hits = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._known: dict[str, Analysis] = {}
        self._wrote = False

    def get(self, key: str) -> Analysis | None:
        """What was kept under `key`."""
        found = self._known.get(key)
        if found is None and self._folder is not None:
            file = self._file(self._folder, key)
            with suppress(OSError, ValueError, ValidationError):
                found = self._known[key] = _ANALYSIS.validate_python(json.loads(file.read_bytes()))
                # What is used stays longest.
                file.touch()
        self.hits += found is not None
        return found

    def put(self, key: str, analysis: Analysis) -> None:
        """Keep `analysis` under `key`."""
        self._known[key] = analysis
        if self._folder is None:
            return
        file = self._file(self._folder, key)
        draft = file.with_name(f"{key}.{uuid4().hex}")
        try:
            if not self._wrote:
                # Findings quote the code, which is nobody else's business.
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._wrote = True
            file.parent.mkdir(exist_ok=True)
            draft.write_bytes(_ANALYSIS.dump_json(analysis))
            draft.replace(file)
        except (OSError, PydanticSerializationError):
            # Of a file whose name is no UTF-8 nothing can be written down.
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def trim(self) -> None:
        """Delete what was not used for longest, where the folder has grown beyond its limit. For the end of a run."""
        if self._folder is None or not self._wrote:
            return
        entries = sorted(self._entries(self._folder), reverse=True)
        size = 0
        for _, bytes_, file in entries:
            size += bytes_
            if size > self._max_bytes:
                with suppress(OSError):
                    file.unlink()

    @staticmethod
    def _file(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key[2:]}.json"

    @staticmethod
    def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
        """When each file was used last, and its size; what a crash left of a draft among them."""
        for file in folder.glob("*/*"):
            with suppress(OSError):
                found = file.stat()
                yield found.st_mtime, found.st_size, file
