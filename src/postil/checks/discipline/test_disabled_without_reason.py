"""Finds tests that a change skips, expects to fail, or renames out of sight, without saying why."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint import ChangeSet, FileChange, Note, Notes, SourceFile, has_unpacking, string_value
from postil.lint.contexts import is_test_path
from postil.lint.fixtures import is_test_function
from postil.lint.normal import Forms

_MARKS = {"pytest.mark.skip": 0, "pytest.mark.skipif": None, "pytest.mark.xfail": None}
_CALLS = {"pytest.skip": 0, "pytest.xfail": 0}
_UNITTEST = {"unittest.skip": 0, "unittest.skipIf": 1, "unittest.skipUnless": 1}
_REASON_AT = {**_MARKS, **_CALLS, **_UNITTEST}
"""Where the reason stands among the arguments without a name; None where it has to have its name (pytest 9.2)."""

_LINK = re.compile(r"https?://|(?:^|[\s(\[:])[\w./-]*#\d+|\b[A-Z][A-Z0-9]+-\d+\b")
_HIDDEN = re.compile(r"(?:_+|x_?|no_?|off_?|skip_?|disabled?_?|dont_?|todo_?)(test\w*)$")


@dataclass(frozen=True, eq=False)
class _Disabling:
    """`body` is that of the definition below a decorator; `is_case` says that it is one case of those it is given."""

    scope: str
    name: str
    node: cst.CSTNode
    explained: bool
    body: cst.BaseSuite | None
    is_case: bool


def check(change_set: ChangeSet) -> Notes:
    tests = [change for change in change_set.files if change.compared and is_test_path(change.path)]
    disabling = [change for change in tests if _may_disable(change.head_text)]
    moved = _lost(tests) if disabling else Counter()
    for change in disabling:
        yield from _disabled(change, moved)
    for change in tests:
        if change.base_text and change.head_text and _loses_a_name(change.base_text, change.head_text):
            yield from _hidden(change)


def _may_disable(text: str | None) -> bool:
    return text is not None and ("skip" in text or "xfail" in text)


def _lost(tests: list[FileChange]) -> Counter[tuple[str, str]]:
    """What was disabled in files that have it no more: its test may have moved."""
    lost: Counter[tuple[str, str]] = Counter()
    for change in tests:
        if _may_disable(change.base_text):
            lost += _keys(change.base) - _keys(change.head)
    return lost


def _keys(file: SourceFile | None) -> Counter[tuple[str, str]]:
    return Counter((each.scope, each.name) for each in _disablings(file)) if file is not None else Counter()


def _disabled(change: FileChange, moved: Counter[tuple[str, str]]) -> Notes:
    if change.head is None:
        return
    known = list(_disablings(change.base)) if change.base else []
    before = _keys(change.base)
    for each in _disablings(change.head):
        key = (each.scope, each.name)
        if before[key]:
            before[key] -= 1
        elif moved[key]:
            moved[key] -= 1
        elif not each.explained and not _is_renamed(each, change.head, known, change.base):
            what = f"{'a case of ' * each.is_case}`{each.scope}`" if each.scope else "this"
            yield Note(change.head.at(each.node), f"{what} is disabled by `{each.name}`, and nothing says why")


def _is_renamed(each: _Disabling, head: SourceFile, known: list[_Disabling], base: SourceFile | None) -> bool:
    """Whether a test was disabled before under another name."""
    if each.body is None or base is None:
        return False
    now, then = Forms(head, deep=False), Forms(base, deep=False)
    return any(
        other.body is not None and other.name == each.name and then.of(other.body) == now.of(each.body)
        for other in known
    )


def _disablings(file: SourceFile) -> Iterator[_Disabling]:
    for node in file.nodes(cst.Attribute, cst.Name):
        name = file.name_of(node)
        if name not in _REASON_AT and not (name is None and _is_skip_test(node)):
            continue
        above = file.parent(node)
        call = above if isinstance(above, cst.Call) and above.func is node else None
        if name is None and call is None:
            continue
        if name in _CALLS and call is None:
            continue
        place = call if call is not None else node
        explained = _is_explained(call, name) or _has_link(place, file)
        # What stands in a decorator is about the definition below.
        decorator = next((each for each in file.ancestors(place) if isinstance(each, cst.Decorator)), None)
        decorated = file.parent(decorator) if decorator is not None else None
        scope = file.scope_of(decorated if decorated is not None else place)
        body = decorated.body if isinstance(decorated, _DEFINITIONS) else None
        is_case = any(isinstance(each, cst.Arg) for each in file.ancestors(place)) and decorator is not None
        yield _Disabling(scope, name or "self.skipTest", place, explained, body, is_case)


_DEFINITIONS = (cst.FunctionDef, cst.ClassDef)


def _is_skip_test(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value == "skipTest"


def _is_explained(call: cst.Call | None, name: str | None) -> bool:
    """Whether a reason is among the arguments: any expression but an empty text."""
    if call is None:
        return False
    if has_unpacking(call):
        return True
    position = _REASON_AT.get(name, 0) if name is not None else 0
    plain = [arg.value for arg in call.args if arg.keyword is None]
    named = [arg.value for arg in call.args if arg.keyword is not None and arg.keyword.value in ("reason", "msg")]
    given = named or ([plain[position]] if position is not None and position < len(plain) else [])
    return any((string_value(each) or "given").strip() for each in given if string_value(each) != "")


def _has_link(place: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a comment beside or directly above has a link or the number of an issue."""
    statement = file.enclosing_statement(place)
    owner = file.parent(place)
    texts = [file.code(owner)] if isinstance(owner, cst.Decorator) else []
    if isinstance(statement, _DEFINITIONS):
        texts += [file.code(decorator) for decorator in statement.decorators]
        lines = [*statement.leading_lines, *statement.lines_after_decorators]
        texts += [line.comment.value for line in lines if line.comment is not None]
    else:
        texts.append(file.code(statement))
    return any(_LINK.search(comment) for text in texts for comment in re.findall(r"#.*", text))


def _loses_a_name(base: str, head: str) -> bool:
    """Whether a test's name is gone that stands in head with something in front."""
    return any(f"def {name}(" not in head and re.search(rf"def \w+{name}\(", head) for name in _tests(base))


def _tests(text: str) -> set[str]:
    return set(re.findall(r"def (test\w*)\(", text))


def _hidden(change: FileChange) -> Notes:
    """Tests whose new name pytest doesn't collect, with the body as it was."""
    head, base = change.head, change.base
    if head is None or base is None:
        return
    before = {base.scope_of(f): f for f in base.nodes(cst.FunctionDef) if is_test_function(f, base)}
    now = {head.scope_of(f) for f in head.nodes(cst.FunctionDef)}
    for function in head.nodes(cst.FunctionDef):
        found = _HIDDEN.match(function.name.value)
        if found is None or head.enclosing_function(function) is not None:
            continue
        owner, _, _ = head.scope_of(function).rpartition(".")
        was = f"{owner}.{found[1]}" if owner else found[1]
        if was in now or was not in before or _has_link(function, head) or _is_called(function, head):
            continue
        if Forms(base, deep=False).of(before[was].body) == Forms(head, deep=False).of(function.body):
            yield Note(
                head.at(function.name),
                f"`{was}` is called `{function.name.value}` now, so pytest no longer runs it, and nothing says why",
            )


def _is_called(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether other code uses the function: then it has become a helper."""
    name = function.name.value
    return sum(node.value == name for node in file.nodes(cst.Name)) > 1
