"""Finds programs that install packages while they run."""

import re
from posixpath import basename

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument, string_value
from postil.lint.names import dotted

MENTIONS = ("pip",)
_RUNNERS = frozenset(
    {
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.Popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "os.system",
        "os.popen",
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
    }
)
_PIP = frozenset(
    {
        "pip.main",
        "pip._internal.main",
        "pip._internal.cli.main.main",
        "pip._internal.main.main",
        "pip._internal.cli.main",
    }
)
_COMMAND = re.compile(r"(?:^|[\s/;&|])(?<!\? -m )pip\d?(?:\.\d+)?\s+install\b")
# What goes somewhere else than into the running program's own environment, or nowhere.
_ELSEWHERE = re.compile(
    r"\s(?:--dry-run|--python|--target|-t|--prefix|--root|--no-index)\b|\?[\w./-]*/pip"
    r"|^(?:sudo\s+)?(?:docker|podman|nerdctl|buildah|kubectl|ssh|wsl|chroot|vagrant|singularity|apptainer)\s"
)
_INSTALLERS = re.compile(
    r"^(?:_*(?:install|bootstrap|setup|get)[\w-]*|noxfile|tasks|fabfile|[\w-]*_(?:install|installer|bootstrap))\.py$"
)


def check(call: cst.Call, file: SourceFile) -> Notes:
    name = dotted(call.func)
    if name is None or file.is_test or _INSTALLERS.match(basename(file.path)):
        return
    origin = file.name_of(call.func)
    if origin in _PIP:
        yield Note(call, f"`{name}` installs packages while the program runs")
    elif origin in _RUNNERS:
        command = _command(call, file)
        if _COMMAND.search(command) and not _ELSEWHERE.search(command):
            yield Note(call, f"`{name}` runs `pip install` while the program runs")


def _command(call: cst.Call, file: SourceFile) -> str:
    """The words of the command as far as they stand here, with `?` for what is computed."""
    command = argument(call, "args", 0) or argument(call, "cmd", 0) or argument(call, "command", 0)
    if isinstance(command, cst.Name):
        command = file.value_of(command)
    if isinstance(command, cst.BinaryOperation):
        while isinstance(command, cst.BinaryOperation):
            command = command.left
        if isinstance(command, cst.SimpleString):
            return _word(command, file)
    if isinstance(command, cst.FormattedString):
        return "".join(_part(part, file) for part in command.parts)
    if isinstance(command, (cst.List, cst.Tuple)):
        return " ".join(_word(element.value, file) for element in command.elements)
    return " ".join(_word(arg.value, file) for arg in call.args if arg.keyword is None and not arg.star)


def _part(part: cst.BaseFormattedStringContent, file: SourceFile) -> str:
    if isinstance(part, cst.FormattedStringExpression):
        return _word(part.expression, file)
    return cst.ensure_type(part, cst.FormattedStringText).value


def _word(expression: cst.BaseExpression, file: SourceFile) -> str:
    if file.name_of(expression) == "sys.executable":
        return "python"
    value = string_value(expression)
    return "?" if value is None else value
