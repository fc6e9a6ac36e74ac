"""Finds tests that lose assertions in a pull request that changes the code under test."""

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches

import libcst as cst

from postil.lint import ChangeSet, FileChange, Located, Note, Notes, Secondary, SourceFile
from postil.lint.contexts import is_test_path
from postil.lint.fixtures import is_test_function
from postil.lint.normal import Forms
from postil.lint.tree import walk

_WORD = re.compile(r"[A-Za-z_]\w{3,}")
_EVERYWHERE = frozenset(
    {"assert", "self", "result", "response", "data", "json", "expected", "actual", "value", "None", "True", "False",
     "status_code", "assertEqual", "assertTrue", "assertFalse", "call_args", "called", "name", "args", "kwargs", "list",
     "dict", "isinstance", "error", "test", "mock", "type"}
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Loss:
    """A test with fewer assertions than before, and those that are gone, as written."""

    file: SourceFile
    function: cst.FunctionDef
    before: int
    gone: tuple[str, ...]


def check(change_set: ChangeSet) -> Notes:
    tests = [change for change in change_set.files if is_test_path(change.path) and _loses_words(change)]
    others = [change for change in change_set.files if not is_test_path(change.path)]
    if not change_set.compared or not tests or not others:
        return
    losses = [loss for change in tests for loss in _losses(change) if not _goes_with_the_code(loss, others)]
    if losses:
        gained = _gained(change_set)
        losses = [loss for loss in losses if not Counter(loss.gone) <= gained]
    # The dearest question comes last.
    if not losses or not any(map(_changes_code, others)):
        return
    first, *more = sorted(losses, key=lambda loss: -len(loss.gone))
    name = first.file.scope_of(first.function)
    besides = (
        f", and {len(more)} more tests lose some" if len(more) > 1 else ", and one more test loses some" * bool(more)
    )
    yield Note(
        Located(first.file.path, first.function.name),
        f"`{name}` loses {len(first.gone)} of its {first.before} assertions while the code under test changes{besides}",
        secondary=tuple(
            Secondary(loss.file.at(loss.function.name), f"loses {len(loss.gone)} of {loss.before}")
            for loss in more[:10]
        ),
    )


def _gained(change_set: ChangeSet) -> Counter[str]:
    """The assertions that tests make now and didn't make before, in whichever file: there they may have moved."""
    gained: Counter[str] = Counter()
    for change in change_set.files:
        if is_test_path(change.path):
            gained += _all(change.head) - _all(change.base)
    return gained


def _changes_code(change: FileChange) -> bool:
    """Whether a file that isn't a test says something else than before, comments, types and layout left out."""
    if change.base_text is None or change.head_text is None:
        return True
    base, head = change.base, change.head
    return (
        base is None
        or head is None
        or Forms(base, deep=False).of(base.module) != Forms(head, deep=False).of(head.module)
    )


def _loses_words(change: FileChange) -> bool:
    """Whether lines with assertions are gone from a file that was there before, as far as their words show."""
    base, head = change.base_text, change.head_text
    if base is None or head is None:
        return False
    gone = set(base.split("\n")) - set(head.split("\n"))
    return any("assert" in line or "raises" in line for line in gone)


def _losses(change: FileChange) -> list[_Loss]:
    base, head = change.base, change.head
    if base is None or head is None:
        return []
    # A test that is split, or moved within the file, takes its assertions along, as they are or nearly so.
    then, now = _all(base), _all(head)
    vanished, gained = then - now, list(now - then)
    before = {base.scope_of(test): test for test in _tests(base)}
    found: list[_Loss] = []
    for function in _tests(head):
        earlier = before.get(head.scope_of(function))
        if earlier is None:
            continue
        had, has = _assertions(earlier, base), _assertions(function, head)
        gone = had - has
        # What was rewritten is no loss: one comparison of a whole object may stand for many.
        if not gone or has - had or _cases(function) > _cases(earlier) or _calls_anew(function, head, earlier, base):
            continue
        lost = tuple(each for each in (gone & vanished).elements() if not get_close_matches(each, gained, n=1))
        if lost:
            found.append(_Loss(head, function, had.total(), lost))
    return found


def _tests(file: SourceFile) -> list[cst.FunctionDef]:
    return [function for function in file.nodes(cst.FunctionDef) if is_test_function(function, file)]


def _all(file: SourceFile | None) -> Counter[str]:
    """What all tests of a file assert."""
    none: Counter[str] = Counter()
    return sum((_assertions(test, file) for test in _tests(file)), none) if file is not None else none


def _assertions(function: cst.FunctionDef, file: SourceFile) -> Counter[str]:
    """What a test asserts, as code without its layout: statements, `raises`, methods of mocks and unittest."""
    found: Counter[str] = Counter()
    for node in walk(function.body):
        match node:
            case cst.Assert():
                found[" ".join(file.code(node.test).split())] += 1
            case cst.Call(func=cst.Attribute(attr=cst.Name(name)) | cst.Name(name)):
                if name.startswith("assert") or name in ("raises", "warns"):
                    found[" ".join(file.code(node).split())] += 1
    return found


def _cases(function: cst.FunctionDef) -> int:
    """How much is parametrized, by the elements that stand in the decorators."""
    return sum(
        isinstance(node, cst.Element) for decorator in function.decorators for node in walk(decorator)
    )  # fmt: skip


def _calls_anew(now: cst.FunctionDef, head: SourceFile, before: cst.FunctionDef, base: SourceFile) -> bool:
    """Whether the test calls something that it didn't call before, which may assert in its place."""
    return bool(_called(now, head) - _called(before, base))


def _called(function: cst.FunctionDef, file: SourceFile) -> set[str]:
    return {file.code(node.func) for node in walk(function.body) if isinstance(node, cst.Call)}


def _goes_with_the_code(loss: _Loss, others: list[FileChange]) -> bool:
    """Whether what was asserted is gone from the code, too: then the assertion had to go."""
    words = {word for text in loss.gone for word in _WORD.findall(text)} - _EVERYWHERE
    for change in others:
        removed = " ".join(line.code for line in change.removed)
        if any(
            re.search(rf"\b{word}\b", removed) and not re.search(rf"\b{word}\b", change.head_text or "")
            for word in words
        ):
            return True
    return False
