"""Finds modules of a package that run their program when they are imported."""

import re
from posixpath import basename, dirname

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile
from postil.lint.commands import is_click_command
from postil.lint.dependencies import distribution

_LOOPS = frozenset({"asyncio.run", "trio.run", "anyio.run"})
_EXITS = frozenset({"sys.exit", "exit", "quit", "SystemExit"})
_MAINS = frozenset({"main", "run", "cli"})
_NO_PACKAGE = re.compile(
    r"(^|/)(bin|ci|\.\w+|hack|docker|deploy|notebooks?|dev|utils?_scripts|pages|misc|contrib|extras|build)/"
)
# Their files are run, not imported.
_RUN_AS_FILES = ("streamlit", "marimo", "nicegui", "SCons")


def check(file: SourceFile) -> Notes:
    if "/" not in file.path or basename(file.path) == "__main__.py":
        return
    for line in file.module.body:
        if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
            statement = line.body[0]
            if isinstance(statement, (cst.Expr, cst.Assign, cst.Raise)):
                yield from _judged(statement, line, file)


def _judged(statement: cst.Expr | cst.Assign | cst.Raise, line: cst.SimpleStatementLine, file: SourceFile) -> Notes:
    value = statement.exc if isinstance(statement, cst.Raise) else statement.value
    if not isinstance(value, cst.Call):
        return
    what = _program(value, file, parses=isinstance(statement, (cst.Assign, cst.Expr)))
    if what is None or not file.is_service or not _is_importable(file):
        return
    indent = file.module.default_indent
    text = file.laid_out(line, line, deeper=True)
    fix = None
    if not isinstance(statement, cst.Assign) and text is not None and "\n" not in text:
        fix = Fix.replace(line, f'if __name__ == "__main__":\n{indent}{text}', FixKind.SUGGESTION)
    yield Note(value, f"importing this module {what}", fix=fix)


def _program(call: cst.Call, file: SourceFile, *, parses: bool) -> str | None:
    """What a call does that only a program should; None for all others."""
    func = call.func
    if parses and isinstance(func, cst.Attribute) and func.attr.value in ("parse_args", "parse_known_args"):
        kind = file.type_of(func.value)
        if kind == "argparse.ArgumentParser" and not call.args:
            return "parses the arguments of whoever imports it"
        return None
    if isinstance(func, cst.Name):
        found = file.definition_of(func)
        if isinstance(found, cst.FunctionDef) and is_click_command(found, file):
            return f"runs the command `{func.value}`"
        if file.type_of(func) == "typer.Typer":
            return f"runs the command line `{func.value}`"
        if isinstance(found, cst.FunctionDef) and func.value in _MAINS and not call.args:
            return f"runs `{func.value}()`"
    name = file.name_of(func)
    inner = call.args[0].value if call.args else None
    if name in _LOOPS and inner is not None:
        started = inner.func if isinstance(inner, cst.Call) else inner
        found = file.definition_of(started)
        return f"runs `{file.code(started)}()`" if isinstance(found, cst.FunctionDef) and found.asynchronous else None
    if name == "uvicorn.run":
        return "starts a server"
    if name == "typer.run" and isinstance(inner, cst.Name):
        return f"runs the command `{inner.value}`"
    if name in _EXITS and isinstance(inner, cst.Call):
        return _program(inner, file, parses=False) or "runs it to its end, and ends the process of whoever imports it"
    return None


def _is_importable(file: SourceFile) -> bool:
    """Whether a file is a module of a package: by its folder, or because it imports from that package itself."""
    if _NO_PACKAGE.search(file.path) or any(map(file.mentions, _RUN_AS_FILES)):
        return False
    folders = dirname(file.path).split("/")
    if "src" in folders[:-1] or any(origin.startswith(".") for origin in file.imports.values()):
        return True
    package = folders[0] if folders[0] not in ("src", "lib") else ""
    if any(origin.split(".", 1)[0] == package and "." in origin for origin in file.imports.values()):
        return True
    nearest = file.project.nearest(file.path, "pyproject.toml")
    toml = file.project.toml(nearest) if nearest is not None else None
    name = (distribution(toml.get("project", "name")) or "").replace("-", "_") if toml is not None else ""
    return bool(name) and name in folders
