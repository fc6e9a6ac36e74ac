"""Finds options of pytest in shared configuration that are meant for one person's desk."""

import configparser
import re
from collections.abc import Iterator
from posixpath import basename

from postil.lint import ChangeSet, Note, Notes, Span, TextChange, lines_of

_WAITS = "waits for a keyboard that is not there"
_LEAVES_OUT = "leaves out tests without a word"
_FLAGS = {"--pdb": _WAITS, "--trace": _WAITS, "--lf": _LEAVES_OUT, "--last-failed": _LEAVES_OUT, "-k": _LEAVES_OUT}
_FLAG = re.compile(r"(?<![\w-])(--pdb|--trace|--lf|--last-failed|-k)(?![\w-])")
_RUNS = re.compile(r"\bpytest\b(?P<options>[^|;&#]*)")
_INI = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def check(change_set: ChangeSet) -> Notes:
    for change in change_set.texts:
        if change.head_text is None or "pytest" not in change.head_text:
            continue
        lines = change.added if change.compared else tuple(lines_of(change.path, change.head_text))
        if ".github/workflows/" in f"/{change.path}":
            # There `-k` divides the tests among jobs.
            for line in lines:
                found = _RUNS.search(line.code)
                for flag in _FLAG.findall(found["options"]) if found is not None else ():
                    if flag != "-k":
                        yield Note(line, f"this run of pytest has `{flag}`, which {_FLAGS[flag]}")
            continue
        before = set(_options(change, change.base_text))
        for flag in dict.fromkeys(_options(change, change.head_text)):
            if flag not in before:
                yield Note(_place(change, flag, lines), f"`addopts` holds `{flag}`, which {_FLAGS[flag]}")


def _options(change: TextChange, text: str | None) -> Iterator[str]:
    """The flags in `addopts` of one state of a configuration file."""
    name = basename(change.path)
    if text is None or "addopts" not in text:
        return
    options: object = None
    if name == "pyproject.toml":
        toml = change.head_toml if text is change.head_text else change.base_toml
        for keys in (("tool", "pytest", "ini_options"), ("tool", "pytest")):
            options = options or (toml.get(*keys, "addopts") if toml is not None else None)
    elif name in _INI:
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            parser.read_string(text)
        except configparser.Error:
            return
        options = parser.get(_INI[name], "addopts", fallback=None)
    yield from _FLAG.findall(" ".join(map(str, options)) if isinstance(options, list) else str(options or ""))


def _place(change: TextChange, flag: str, lines: tuple[Span, ...]) -> Span:
    found = [line for line in lines if flag in _FLAG.findall(line.code)]
    return next(iter(found), Span(change.path, 1, 1, 1, 2))
