"""A pack of one rule whose check does what the file under review tells it to, for the tests of the fenced process."""

from pathlib import Path

import pytest

README = "# Care\n\n## Watch out\n\nBe careful.\n"
PAGE = """\
---
section: watch-out
severity: warning
---

# Don't be hostile

It is no good.

## Bad

```python
hostile()  # finding: hostile
```

## Good

```python
friendly()
```
"""


def hostile_pack(folder: Path, package: str, check: str, patch: pytest.MonkeyPatch) -> Path:
    """Write the pack below `folder`, its check in an importable package of this name; gives the pack's folder."""
    pack = folder / "pack"
    (pack / "care").mkdir(parents=True)
    (pack / "pack.toml").write_text(f'name = "hostile"\nversion = "1"\nchecks = "{package}"\n')
    (pack / "care" / "README.md").write_text(README)
    (pack / "care" / "hostile.md").write_text(PAGE)
    module = folder / "modules" / package
    (module / "care").mkdir(parents=True)
    (module / "__init__.py").touch()
    (module / "care" / "__init__.py").touch()
    (module / "care" / "hostile.py").write_text(check)
    patch.syspath_prepend(str(folder / "modules"))
    return pack
