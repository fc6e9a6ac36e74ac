"""Python files on disk, for the command line: find them, read them, write fixes back. Nothing it meets stops it."""

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from postil.lint.change import PYTHON, Change
from postil.lint.finding import Problem
from postil.lint.project import is_project_file
from postil.lint.source import Unreadable, decode, encoding_of
from postil.review.config import FILES
from postil.review.noise import MARKS

MAX_BYTES = 1_000_000  # a larger file is generated or data, and costs seconds to parse
_LEFT_OUT = frozenset(
    {"__pycache__", "node_modules", "venv", ".venv", "site-packages", "build", "dist", "__pypackages__"}
)
"""Folders that tools fill on a developer's machine. They are never walked; other noise is read, and counted."""

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass
class Tree:
    """What was found under one root: files as changes without a base, the project files, and what can't be read.

    `shown` maps the path inside the root, which checks see, to the path that the user typed; `named` are the files that
    were typed one by one. `settings` are the files that may configure Postil, and .gitattributes; `unread` says why
    others of these can't be read. `fixed` are the paths whose text isn't that on disk any more.
    """

    root: Path
    changes: list[Change] = field(default_factory=list)
    project: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set, compare=False)

    def fix(self, path: str, text: str) -> None:
        """Take `text` for that of a file from now on. Nothing is written."""
        self.changes = [replace(each, head=text) if each.path == path else each for each in self.changes]
        if path in self.project:
            self.project = {**self.project, path: text}
        self.fixed.add(path)

    def fixed_files(self) -> Iterator[tuple[Path, str, str]]:
        """Path, new text, and path as the user typed it, of each file with another text than on disk.

        A link stands for what it leads to, which is told once, by its own name.
        """
        told: set[Path] = set()
        for change in self.changes:
            if change.path in self.fixed:
                shown = self.shown[change.path]
                path = Path(shown)
                real = path.resolve()
                if real not in told:
                    told.add(real)
                    yield path, change.head or "", os.path.relpath(real) if path.is_symlink() else shown


def read_trees(paths: Sequence[Path], *, by_name: bool = True) -> list[Tree]:
    """The Python files under `paths`, grouped by the project that they belong to.

    `by_name` tells whether a file among them was asked for by its name, and not as one of many.

    Raises:
        FileNotFoundError: a path doesn't exist.
    """
    trees: dict[Path, Tree] = {}
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise FileNotFoundError(f"{path} does not exist")
        root = root_of(path)
        tree = trees.get(root)
        if tree is None:
            settings, unread = _settings(root)
            tree = trees[root] = Tree(root, project=_project(root), settings=settings, unread=unread)
        for file in _python_files(path):
            _read(file, tree)
            if by_name and not path.is_dir():
                tree.named.add(_inside(file, tree.root))
        if path.is_dir():
            _take_project_files(path.resolve(), tree)
    for root, tree in trees.items():
        for inside in tree.project:
            tree.shown.setdefault(inside, os.path.relpath(root / inside).replace(os.sep, "/"))
    return list(trees.values())


def root_of(path: Path) -> Path:
    """The project's folder: the closest one above with a pyproject.toml or a .git, else the path itself."""
    start = path.resolve() if path.is_dir() else path.resolve().parent
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() or (folder / ".git").exists():
            return folder
    return start


def _project(root: Path) -> dict[str, str]:
    found = {}
    for folder, folders, names in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        folders[:] = [] if depth >= 3 else sorted(f for f in folders if not _is_left_out(f))
        for name in names:
            file = Path(folder, name)
            inside = file.relative_to(root).as_posix()
            if is_project_file(inside):
                with suppress(OSError, Unreadable):
                    found[inside] = decode(file.read_bytes())
    return found


def _settings(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    found: dict[str, str] = {}
    unread: dict[str, str] = {}
    for inside in (*FILES, MARKS):
        try:
            found[inside] = decode((root / inside).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            unread[inside] = _reason(error)
        except Unreadable as error:
            unread[inside] = error.message
    return found, unread


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _take_project_files(folder: Path, tree: Tree) -> None:
    """Check the project files under `folder` too: some rules are about them."""
    taken = {change.path for change in tree.changes}
    for inside, text in tree.project.items():
        if inside not in taken and not inside.endswith(".py") and (tree.root / inside).is_relative_to(folder):
            tree.changes.append(Change(inside, text, None, compared=False))


def _python_files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if f not in _LEFT_OUT and not f.startswith("."))
        for name in sorted(names):
            if name.endswith(PYTHON):
                yield Path(folder, name)


def is_walked(path: Path, folder: Path) -> bool:
    """Whether a look at `folder` could come by `path`: what is checked or configures that, or what may be a folder."""
    if not path.is_relative_to(folder):
        return False
    inside = path.relative_to(folder)
    if any(_is_left_out(name) for name in inside.parts[:-1]):
        return False
    if path.suffix in PYTHON or inside.as_posix() in (*FILES, MARKS) or is_project_file(inside.as_posix()):
        return True
    return not path.is_file() and not _is_left_out(path.name)


def _is_left_out(folder: str) -> bool:
    return folder in _LEFT_OUT or (folder.startswith(".") and folder != ".github")


def _inside(file: Path, root: Path) -> str:
    # Not `resolve`: a link belongs where it stands, and a broken one resolves to nothing.
    return os.path.relpath(os.path.abspath(file), root).replace(os.sep, "/")  # noqa: PTH100


def _read(file: Path, tree: Tree) -> None:
    shown = file.as_posix()
    inside = _inside(file, tree.root)
    if inside in tree.shown:
        return
    tree.shown[inside] = shown
    try:
        text = _text(file)
    except OSError as error:
        broken = file.is_symlink() and not file.exists()
        reason = "it is a link to something that isn't there" if broken else _reason(error)
        tree.problems.append(Problem(shown, "unreadable", reason))
    except Unreadable as error:
        tree.problems.append(Problem(shown, error.kind, error.message))
    else:
        tree.changes.append(Change(inside, text, None, compared=False))


def _text(file: Path) -> str:
    size = file.stat().st_size
    if not file.is_file():
        raise Unreadable("unreadable", "it is not a regular file")
    if size > MAX_BYTES:
        raise Unreadable("too-large", f"it is {size / 1e6:.1f} MB; files over {MAX_BYTES / 1e6:.0f} MB are left out")
    return decode(file.read_bytes())


def write_text(path: Path, text: str) -> None:
    """Replace a file's text, in the encoding that it has; at once, so that a crash leaves the old one.

    A link stays a link: what it leads to is replaced.

    Raises:
        OSError: it can't be written.
        UnicodeEncodeError: its encoding has no place for a character.
    """
    target = path.resolve()
    raw = text.encode(encoding_of(target.read_bytes()))
    draft = target.with_name(f".{target.name}.postil")
    try:
        draft.write_bytes(raw)
        draft.chmod(target.stat().st_mode)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def patch_of(path: Path, text: str, shown: str) -> bytes:
    """What `write_text` would change as a unified diff, byte for byte, for `git apply` and `patch -p1`.

    Raises:
        UnicodeEncodeError: the file's encoding has no place for a character.
    """
    before = path.read_bytes()
    after = text.encode(encoding_of(before))
    name = shown.lstrip("/").encode("utf-8", "surrogateescape")
    lines = difflib.diff_bytes(
        difflib.unified_diff, _LINE.findall(before), _LINE.findall(after), b"a/" + name, b"b/" + name
    )
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)
