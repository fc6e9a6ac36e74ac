"""Finds environment variables that are read while a request or job is served."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.configuration import is_settings_class
from postil.lint.dependencies import declared
from postil.lint.environment import environment_read

MENTIONS = ("environ", "getenv", "decouple")

_SETTINGS_FILE = re.compile(
    r"(?:^|/)(?:\w*_)?(?:settings|config|configuration|conf|env|environment|constants)(?:_\w*)?(?:\.py$|/)"
)
# Set by the platform, not by whoever deploys.
_PLATFORM = re.compile(
    r"^(?:PATH|HOME|USER|USERNAME|LOGNAME|SHELL|TMPDIR|TEMP|TMP|PWD|TERM|COLUMNS|LINES|CI|LANG|LC_\w+|TZ|HOSTNAME|DISPLAY"
    r"|VIRTUAL_ENV|EDITOR|NO_COLOR|FORCE_COLOR|PYTHON\w*|PYTEST_\w*|AWS_LAMBDA_\w*|AWS_EXECUTION_ENV|KUBERNETES_\w*"
    r"|POD_\w*|ECS_\w*|GITHUB_ACTIONS|XDG_\w*|SSH_\w*|APPDATA|LOCALAPPDATA|SYSTEMROOT|PROGRAMFILES|[a-z_]*proxy)$",
    re.IGNORECASE,
)


def check(node: cst.Call | cst.Subscript, file: SourceFile) -> Notes:
    if not file.is_service or _SETTINGS_FILE.search(file.path):
        return
    name = environment_read(node, file)
    if name is None or _PLATFORM.search(name) or _is_written(node, file):
        return
    function = file.enclosing_def(node)
    if function is None or file.is_startup(node) or not _uses_settings(file):
        return
    handler = file.served_by(node)
    owner = file.enclosing_class(function)
    if handler is None or (owner is not None and is_settings_class(owner, file)):
        return
    if handler is function:
        yield Note(node, f"`{name}` is read each time `{file.known_as(function)}` is served, past the settings")
    else:
        yield Note(
            node,
            f"`{name}` is read by `{file.known_as(function)}`, called by `{file.known_as(handler)}`, past the settings",
        )


def _is_written(node: cst.CSTNode, file: SourceFile) -> bool:
    """Whether this sets or deletes the variable: `os.environ["X"] = …`."""
    return isinstance(file.parent(node), (cst.AssignTarget, cst.Del, cst.AugAssign))


def _uses_settings(file: SourceFile) -> bool:
    """Whether the project keeps settings in a class, as far as this file and pyproject.toml show."""
    if "BaseSettings" in file.text or "pydantic_settings" in file.text:
        return True
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    return toml is not None and "pydantic-settings" in declared(toml)
