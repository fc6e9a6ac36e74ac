"""`make new-rule`: writes the two files of a rule, which work as they are, to be changed into what you want to find."""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from postil.packs import slug

ROOT = Path(__file__).parents[1]

PAGE = """\
---
section: {section}
severity: warning
---

# Do this instead

What goes wrong otherwise, and for whom.
Two or three sentences; they go into the comment.

## Bad

```python
answer = eval(question)  # finding: `eval` runs whatever it is given
```

## Good

```python
answer = ast.literal_eval(question)
```
"""

CHECK = '''\
"""What this finds, in one line."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile


def check(call: cst.Call, file: SourceFile) -> Notes:
    if file.name_of(call.func) == "eval":
        yield Note(call, "`eval` runs whatever it is given")
'''


def main(arguments: Sequence[str]) -> None:
    """Write both files: CHAPTER NAME, and another folder than this project's for a pack of your own."""
    if len(arguments) not in (2, 3):
        sys.exit("usage: make new-rule CHAPTER=resilience NAME=some-pattern")
    chapter, name, *elsewhere = arguments
    root = Path(elsewhere[0]) if elsewhere else ROOT
    pack = tomllib.loads((root / "rules/pack.toml").read_text(encoding="utf-8"))
    readme = root / "rules" / chapter / "README.md"
    if not readme.is_file():
        sys.exit(f"there is no chapter {chapter!r}; there are {', '.join(pack['chapters'])}")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name):
        sys.exit(f"{name!r} is no name for a rule: name the pattern in kebab-case, so that “allow …” reads well")
    taken = list((root / "rules").glob(f"*/{name}.md"))
    if taken:
        sys.exit(f"there is a rule of this name already: {taken[0]}")
    sections = [slug(heading) for heading in re.findall(r"^## (.+)$", readme.read_text(encoding="utf-8"), re.MULTILINE)]
    folder = root / "src" / pack["checks"].replace(".", "/") / chapter.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    page, check = readme.with_name(f"{name}.md"), folder / f"{name.replace('-', '_')}.py"
    page.write_text(PAGE.format(section=sections[0]), encoding="utf-8")
    check.write_text(CHECK, encoding="utf-8")
    print(f"{page}\n{check}\nThe sections of this chapter: {', '.join(sections)}\nTest it: make rule NAME={name}")


if __name__ == "__main__":
    main(sys.argv[1:])
