"""Finds `print` in code that runs for requests and jobs."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.names import last_name

_PRINTS = frozenset({"print", "pprint.pprint", "pprint.pp", "rich.print"})
_TERMINAL = (
    "click",
    "typer",
    "argparse",
    "cmd",
    "rich",
    "prompt_toolkit",
    "questionary",
    "fire",
    "cyclopts",
    "textual",
)
_TERMINAL_FILE = re.compile(
    r"(?:^|/)(?:__main__|cli|console|commands?|management|shell|repl)(?:\.py$|/)|_cli\.py$|/cli_"
)
_FOR_PEOPLE = re.compile(
    r"^(?:__str__|__repr__|main|run_cli|cli|print_\w+|_print\w*|show_\w+|display\w*|dump\w*|debug\w*)$"
)


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    last = last_name(func)
    if last not in ("print", "pprint", "pp") or file.name_of(func) not in _PRINTS or not file.is_service:
        return
    if any(arg.keyword is not None and arg.keyword.value in ("file", "stream") for arg in call.args):
        return
    roots = {origin.partition(".")[0] for origin in file.imports.values()}
    if roots & set(_TERMINAL) or _TERMINAL_FILE.search(file.path) or _under_main_guard(call, file):
        return
    function = file.enclosing_def(call)
    if function is None or _FOR_PEOPLE.search(function.name.value):
        return
    if file.served_by(call) is not None or file.routes or file.tasks:
        yield Note(call, f"`{last}` writes past the log: without a level, a time or the request's id")


def _under_main_guard(call: cst.Call, file: SourceFile) -> bool:
    return any(isinstance(above, cst.If) and "__name__" in file.code(above.test) for above in file.ancestors(call))
