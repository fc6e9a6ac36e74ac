"""Finds pools that a function makes and leaves open."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile
from postil.lint.catalogue.pools import EXECUTORS, POOLS
from postil.lint.names import dotted, last_name
from postil.lint.tree import walk

MENTIONS = ("Executor", "Pool")

_MADE = EXECUTORS | POOLS
_ENDS = frozenset({"close", "shutdown", "terminate", "join", "__exit__"})


def check(statement: cst.Assign, file: SourceFile) -> Notes:
    made = statement.value
    if made.__class__ is not cst.Call or not isinstance(made, cst.Call) or len(statement.targets) != 1:
        return
    target = statement.targets[0].target
    if not isinstance(target, cst.Name) or not _is_pool(made, file):
        return
    function = file.enclosing_function(statement)
    if not isinstance(function, cst.FunctionDef) or not _is_left_open(target, function, file):
        return
    if file.in_test(statement):
        return
    yield Note(
        statement,
        f"`{target.value}` is left open, as nothing in `{function.name.value}` closes it",
        fix=_entered(statement, target.value, made, file),
    )


def _is_pool(made: cst.Call, file: SourceFile) -> bool:
    """Whether a call makes a pool: `ThreadPoolExecutor()`, `multiprocessing.get_context("spawn").Pool()`."""
    name = file.name_of(made.func)
    return name in _MADE if name is not None else last_name(made.func) == "Pool" and file.type_of(made) in POOLS


def _is_left_open(target: cst.Name, function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether a pool stays in its function, and nothing there ends it."""
    for word in walk(function.body):
        if not isinstance(word, cst.Name) or word.value != target.value or word is target:
            continue
        above = file.parent(word)
        if isinstance(above, cst.Attribute) and (above.attr is word or above.value is word):
            if above.value is word and above.attr.value in _ENDS:
                return False
            continue
        call = file.parent(above) if isinstance(above, cst.Arg) else None
        if not isinstance(call, cst.Call) or (dotted(call.func) or "").rpartition(".")[2] != "run_in_executor":
            return False
    return True


def _entered(statement: cst.Assign, name: str, made: cst.Call, file: SourceFile) -> Fix | None:
    """A `with` around the rest of the block."""
    line = file.enclosing_statement(statement)
    block = file.parent(line)
    if not isinstance(block, cst.IndentedBlock) or not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    lines = list(block.body)
    rest = lines[lines.index(line) + 1 :]
    edits = [Replace(statement, f"with {file.code(made)} as {name}:")]
    for later in rest:
        if not isinstance(later, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            return None
        text = file.laid_out(later, later, deeper=True)
        if text is None or any(empty.comment is not None for empty in later.leading_lines):
            return None
        edits.append(Replace(later, f"{file.module.default_indent}{text}"))
    return Fix(tuple(edits), FixKind.SUGGESTION) if rest else None
