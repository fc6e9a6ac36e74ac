"""`make picture`: docs/pull-request.png and its dark twin, taken of the demo's page with Debian's chromium.

The page is the real one: the service reviewed the sample's pull request a moment ago.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from postil.demo import play
from postil.log import configure

FOLDER = Path(__file__).parents[1] / "docs"
WIDTH, HEIGHT = 1000, 870
SHARPNESS = 1.6
SECONDS = 60
# Nothing is looked up, updated or reported: the page is on this machine.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=2000",
)


def main() -> None:
    """Have the sample reviewed, and take the page in light and in dark."""
    configure("error")
    FOLDER.mkdir(exist_ok=True)
    with play.played() as done:
        for name, dark in (("pull-request.png", False), ("pull-request-dark.png", True)):
            take(f"{done.page}/files", FOLDER / name, dark=dark)
            print(f"docs/{name}: {(FOLDER / name).stat().st_size / 1000:.0f} kB")


def take(page: str, file: Path, *, dark: bool) -> None:
    """Take a picture of the page's top."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium is missing; on Debian: apt-get install chromium fonts-inter")
    with tempfile.TemporaryDirectory(prefix="postil-picture-") as profile:
        command = [
            chromium,
            *FLAGS,
            *(("--blink-settings=preferredColorScheme=0",) if dark else ()),
            f"--user-data-dir={profile}",
            f"--force-device-scale-factor={SHARPNESS}",
            f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={file}",
            page,
        ]
        subprocess.run(command, check=True, timeout=SECONDS, capture_output=True)  # noqa: S603 - a list, no shell


if __name__ == "__main__":
    main()
