"""A real process in a pseudo-terminal, as a person would start it."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

PATIENCE = 180.0
"""Seconds after which nothing more is waited for. What takes three on an idle machine takes a minute on a busy one."""


class Terminal:
    """Runs `postil` with these arguments in a folder, with a terminal of its own for all three streams."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.said = ""
        self._read = 0
        # `setsid` makes it the controlling terminal, which turns a Ctrl-C into a signal. Tests that are started in the
        # background ignore such signals, and pass that on.
        self._process = subprocess.Popen(
            ["env", "--default-signal", "setsid", "--ctty", sys.executable, "-m", "postil.cli", *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def until(self, pattern: str) -> str:
        """What is printed from here to what matches, and that."""
        end = time.monotonic() + PATIENCE
        while (found := re.compile(pattern).search(self.said, self._read)) is None:
            assert self._hear(end - time.monotonic()), f"{pattern!r} isn't in {self.said[self._read :]!r}"
        printed = self.said[self._read : found.end()]
        self._read = found.end()
        return printed

    def press(self, keys: bytes) -> None:
        """Type something."""
        os.write(self._master, keys)

    def ended(self) -> int:
        """Wait for the end; gives the exit code."""
        while self._hear(PATIENCE):
            pass
        return self._process.wait(PATIENCE)

    def _hear(self, seconds: float) -> bool:
        """Whether there was more to read before the time was over."""
        if not select.select([self._master], [], [], max(seconds, 0))[0]:
            return False
        try:
            heard = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the other side has closed.
            return False
        self.said += heard.decode()
        return bool(heard)
