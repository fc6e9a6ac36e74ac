"""The benchmark runs, and measures what the documentation tells."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rows(text: str) -> dict[str, str]:
    """What was measured, and the figure, of each row of a table."""
    found = re.findall(r"^\| ([^|]+?) *\| ([^|]+?) *\| [^|]+\|$", text, re.MULTILINE)
    return {re.sub(r"^\d+ rules", "all rules", name): figure for name, figure in found if name != "measured"}


def test_the_benchmark_measures_each_figure_of_the_architecture_page() -> None:
    """Figures that nobody can measure again are advertising. The service's take minutes, and are left out here."""
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    written = rows(page.partition("<!-- bench -->")[2].partition("<!-- /bench -->")[0])
    script = (ROOT / "scripts/bench.py").read_text(encoding="utf-8")
    arguments = ("--files", "4", "--rounds", "1", "--pulls", "0", "--folder", ROOT / "src/postil/review")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/bench.py", *arguments], check=True, capture_output=True, text=True
    )
    measured = rows(done.stdout)

    assert len(written) == 11
    assert measured.keys() <= written.keys()
    assert [name for name in written.keys() - measured.keys() if f'"{name}"' not in script] == []
    assert re.match(r"\d+\.\d\d times libcst\.parse_module", measured["all rules, against the parse"])
