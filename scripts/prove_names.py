"""`make names`: proves that each name in the catalogues exists, in the newest releases of the libraries.

It installs them into a folder of their own, looks every name up, and writes tests/proved_names.json: which name was
found in which version. `tests/test_catalogue.py` refuses a name that isn't there.
"""

import importlib
import importlib.util
import json
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

from postil.lint.catalogue.distributions import DIFFERENT

ROOT = Path(__file__).parents[1]
PROVED = ROOT / "tests/proved_names.json"
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")

NO_NAMES = frozenset({"distributions", "flake8", "pytest_marks"})
"""Catalogues of other things than what Python can import."""
INSTALLED = {
    "argon2": "argon2-cffi",
    "opentelemetry": "opentelemetry-sdk",
    "psycopg2": "psycopg2-binary",
    "google": "google-cloud-tasks",
}
"""The first part of a name → what is installed for it, where that isn't the first distribution that brings it."""


def names() -> dict[str, set[str]]:
    """Each dotted name in the catalogues, and the constants that hold it."""
    catalogue = importlib.import_module("postil.lint.catalogue")
    found: dict[str, set[str]] = {}
    for module in pkgutil.iter_modules(catalogue.__path__):
        if module.name in NO_NAMES:
            continue
        data = vars(importlib.import_module(f"{catalogue.__name__}.{module.name}"))
        for constant, value in data.items():
            for text in () if constant.startswith("__") else strings(value):
                if DOTTED.fullmatch(text):
                    found.setdefault(text, set()).add(f"{module.name}.{constant}")
    return found


def strings(value: object) -> Iterator[str]:
    """All texts in a constant, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from strings(key)
            yield from strings(inner)
    elif isinstance(value, (frozenset, set, tuple, list)):
        for inner in value:
            yield from strings(inner)


def exists(name: str) -> bool:
    """Whether a dotted name leads to something, by import and then by attribute."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        except Exception:  # noqa: BLE001 - a library may need a server or a setting to be imported
            return False
        for part in parts[length:]:
            try:
                found = getattr(found, part)
            except AttributeError:
                return False
        return True
    return False


def main() -> None:
    """Prove all names, write the list, and say what was not found."""
    if sys.argv[1:] == ["--look"]:
        wanted = json.load(sys.stdin)
        print(json.dumps([name for name in wanted if exists(name)]))
        return
    wanted = sorted(name for name in names() if name.partition(".")[0] not in sys.stdlib_module_names)
    roots = sorted({name.partition(".")[0] for name in wanted})
    proved: dict[str, dict[str, list[str] | str]] = {}
    missing = []
    for root in roots:
        distribution = INSTALLED.get(root) or (DIFFERENT.get(root) or (root,))[0]
        ours = [name for name in wanted if name.partition(".")[0] == root]
        with tempfile.TemporaryDirectory() as folder:
            install = ["uv", "pip", "install", "--quiet", "--target", folder, distribution]
            if subprocess.run(install, check=False, capture_output=True, timeout=300).returncode:  # noqa: S603 - a list of ours
                missing += ours
                continue
            look = [sys.executable, __file__, "--look"]
            done = subprocess.run(  # noqa: S603 - ourselves
                look, input=json.dumps(ours), capture_output=True, text=True, check=False, timeout=120,
                env={"PYTHONPATH": folder, "PATH": "", "HOME": folder},
            )  # fmt: skip
            there = json.loads(done.stdout.strip().split("\n")[-1]) if done.returncode == 0 else []
            version = _version(Path(folder), distribution)
        missing += sorted(set(ours) - set(there))
        if there:
            proved[distribution] = {"version": version, "names": there}
        print(f"{distribution} {version}: {len(there)} of {len(ours)}", flush=True)
    PROVED.write_text(json.dumps(proved, indent=1) + "\n", encoding="utf-8")
    for name in missing:
        print(f"not found: {name} ({', '.join(sorted(names()[name]))})")


def _version(folder: Path, distribution: str) -> str:
    """The version of a distribution that was installed in a folder."""
    found = metadata.distributions(path=[str(folder)])
    return next(each.version for each in found if canonicalize_name(each.name) == canonicalize_name(distribution))


if __name__ == "__main__":
    main()
