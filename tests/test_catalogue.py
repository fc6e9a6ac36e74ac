"""Each name in the catalogues exists: in this Python, or in the version of a library in which it was looked up."""

import importlib.util
import json
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PROVED = json.loads((ROOT / "tests/proved_names.json").read_text(encoding="utf-8"))
GONE = frozenset({"telnetlib.Telnet"})
"""What later Pythons than the oldest that we support no longer have."""


@pytest.fixture(scope="module")
def prove() -> ModuleType:
    """The script, which stands outside of every package."""
    spec = importlib.util.spec_from_file_location("prove_names", ROOT / "scripts/prove_names.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_standard(name: str) -> bool:
    """Whether a name is the standard library's."""
    return name.partition(".")[0] in sys.stdlib_module_names


def test_each_name_of_the_standard_library_exists(prove: ModuleType) -> None:
    """A slip in a catalogue is a rule that is silent for ever."""
    assert [name for name in prove.names() if is_standard(name) and name not in GONE and not prove.exists(name)] == []


def test_each_name_of_a_library_was_found_in_a_version_of_it(prove: ModuleType) -> None:
    """`make names` looks them up, and writes the versions down."""
    found = {name for library in PROVED.values() for name in library["names"]}

    assert {name for name in prove.names() if not is_standard(name)} - found == set()


def test_what_was_written_down_still_holds_for_the_libraries_that_are_installed_here(prove: ModuleType) -> None:
    """A new version that drops a name fails this test, and no user."""
    here = {each.name.lower() for each in metadata.distributions()}
    installed = [library["names"] for name, library in PROVED.items() if name.lower() in here]

    assert len(installed) > 3
    assert [name for names in installed for name in names if name in prove.names() and not prove.exists(name)] == []
