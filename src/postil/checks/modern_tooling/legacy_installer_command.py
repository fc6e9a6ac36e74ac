"""Finds new commands of the tools that uv replaces, in a project that uses uv."""

import re
from fnmatch import fnmatchcase
from posixpath import basename

from postil.lint import ChangeSet, Fix, FixKind, Note, Notes, Span, TextChange, is_workflow
from postil.lint.contexts import is_test_path
from postil.lint.dependencies import uses_uv

_FILES = (
    "Dockerfile*",
    "Containerfile*",
    "*.Dockerfile",
    "*.dockerfile",
    "Makefile",
    "*.mk",
    "justfile",
    "*.sh",
    "tox.ini",
)
_START = (
    r"(?:^|&&|\|\||[;|`]|\$\(|\bthen\s|\bdo\s)\s*"
    r"(?:(?:sudo|exec|time|env)\s+(?:-\S+\s+)*)*(?:\w+=\S*\s+)*(?:[\w./$~{}-]*/)?"
)
_PYTHON = r"python(?:\d(?:\.\d+)?)?\s+(?:-[A-Za-z]\s+)*?-m\s+"
_LEGACY: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(_START + pattern), says)
    for pattern, says in (
        (
            rf"(?P<shown>(?:{_PYTHON})?pip\d?(?:\.\d+)?\s+install)\b(?P<rest>[^;&|]*)",
            "chooses versions without `uv.lock`",
        ),
        (r"(?P<shown>poetry\s+(?:install|run)|pipenv\s+\w+)\b", "takes its packages from another lock than `uv.lock`"),
        (
            rf"(?P<shown>{_PYTHON}(?:venv|virtualenv)|virtualenv)\s+(?=[\w./$~{{\"'-])",
            "sets up an environment that uv knows nothing of",
        ),
        (r"(?P<shown>pyenv\s+install)\b", "brings a Python that uv knows nothing of"),
        (
            r"(?P<shown>pipx\s+(?:install|run|inject))\b(?P<rest>[^;&|]*)",
            "installs a tool that `uv.lock` knows nothing of",
        ),
        (
            r"(?P<shown>(?:source|\.)\s+\S*/bin/activate)\b",
            "enters an environment without first bringing it up to date with `uv.lock`",
        ),
    )
)
_SAME = {
    "poetry install": "uv sync",
    "poetry run": "uv run",
    "pipenv install": "uv sync",
    "pipenv sync": "uv sync",
    "pipenv run": "uv run",
    "pipx run": "uv tool run",
    "pipx install": "uv tool install",
    "pyenv install": "uv python install",
    "python -m venv": "uv venv",
    "python3 -m venv": "uv venv",
    "virtualenv": "uv venv",
}
_ALL_OF_IT = re.compile(r"(?:python3? -m )?pip3? install (?:--no-cache-dir )?(?:-r requirements\.txt|(?:-e )?\.)\s*")
# What is built here is installed as its users install it, and uv has to come from somewhere.
_FINE = re.compile(r"(?:^|\s)[\"']?uv(?:[=<>~!\[\s\"']|$)|\bdist/|\.whl\b")
_OTHER_KEY = re.compile(r"(?!run:)[\w.-]+:(?:\s|$)")
_INSTRUCTION = re.compile(r"(?:ONBUILD\s+)?(?:RUN|CMD|ENTRYPOINT)\s+(?:--\S+\s+)*")
# People copy examples and follow documentation, whatever they install with.
_FOR_OTHERS = re.compile(r"(?:^|/)(?:docs?|examples?|samples?|tutorials?)/")
_NOX_RUN = re.compile(r"session\.run(?:_always|_install)?\(")


def check(change_set: ChangeSet) -> Notes:
    for change in (*change_set.texts, *change_set.files):
        if not _runs_commands(change.path) or is_test_path(change.path) or _FOR_OTHERS.search(change.path):
            continue
        if not uses_uv(change_set.project, change.path):
            continue
        for line in change.added:
            command = _command(line.code, change)
            for pattern, says in _LEGACY:
                found = pattern.search(command)
                if found is None or _FINE.search(found.groupdict().get("rest") or ""):
                    continue
                shown = " ".join(found["shown"].replace('"', "").split())
                yield Note(line, f"`{shown}` {says}", _with_uv(line, found))
                break


def _with_uv(line: Span, found: re.Match[str]) -> Fix | None:
    """The command of uv that does the same, where there is one."""
    old, new = found["shown"], _SAME.get(" ".join(found["shown"].split()))
    if new is None and _ALL_OF_IT.fullmatch(found[0].lstrip("&|;` ")):
        old, new = f"{old}{found['rest']}".rstrip(), "uv sync"
    if new is None or line.code.count(old) != 1:
        return None
    start = line.column + line.code.index(old)
    return Fix.replace(Span(line.path, line.line, start, line.line, start + len(old)), new, FixKind.SUGGESTION)


def _runs_commands(path: str) -> bool:
    name = basename(path)
    return is_workflow(path) or name == "noxfile.py" or any(fnmatchcase(name, each) for each in _FILES)


def _command(code: str, change: TextChange) -> str:
    """The part of a line that a shell, or a session of nox, would run; "" for what is none."""
    name = basename(change.path)
    if code.startswith("#"):
        return ""
    if name == "noxfile.py":
        found = _NOX_RUN.search(code)
        return _listed(code[found.end() :]) if found else ""
    if is_workflow(change.path):
        code = code.removeprefix("- ").lstrip()
        return "" if _OTHER_KEY.match(code) else code.removeprefix("run:").strip().strip("\"'")
    if name == "tox.ini":
        key, equals, value = code.partition("=")
        return value.strip() if equals and key.strip() in ("commands", "commands_pre", "commands_post") else code
    if found := _INSTRUCTION.match(code):
        code = code[found.end() :]
        return _listed(code) if code.startswith("[") else code
    return code.lstrip("@-") if name == "Makefile" or name.endswith((".mk", "justfile")) else code


def _listed(code: str) -> str:
    """The words of a command that is written as a list of strings."""
    return " ".join(re.sub(r"[\[\]\"',]", " ", code).split())
