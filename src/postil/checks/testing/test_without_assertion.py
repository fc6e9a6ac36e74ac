"""Finds tests that look at nothing."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.fixtures import find_fixtures, is_test_function, is_test_module, requested
from postil.lint.names import dotted
from postil.lint.tree import walk

MENTIONS = ("def test",)

# Words in the name of what a test calls or asks for, any of which may look at something.
_LOOKS = re.compile(
    r"assert|expect|verif|check|should|valid|raise|warn|fail|snapshot|approv|golden|compar|match|ensure|must|equal"
    r"|benchmark|regression|wait|until|eventually|poll|exit|confirm|inspect|diff|test|run_|_run$|runs?$|round_?trip"
    r"|called_|awaited_|lint|conform|satisf|reject|typecheck|mypy|one_or|doctest|strict|require|reveal_type",
    re.IGNORECASE,
)
# Names of tests that say what they are for: that nothing raises.
_SAYS_SO = re.compile(
    r"valid|constructor|does_?n[o']?t?_|do_?n[o']?t?_|_not?_|without|no_(?:error|exception|raise|crash|warning|op)|noop"
    r"|smoke|import|works?(?:_|$)|ok(?:_|$)|succe|allow|accept|can_|_can|safe|ignor|repr|compat|run|init|creat|simple"
    r"|basic|support|handle|start|instantiat|construct|deadlock|hang|leak|crash|silent|pickl|coverage|demo|example"
    r"|type_?(?:check|hint)|typing|regression|issue|bug|stress|fuzz|optional|idempotent|twice|empty|never|docs?(?:_|$)",
    re.IGNORECASE,
)
_DECORATED = re.compile(r"given|skip|xfail|benchmark|expect|snapshot|raises|override|patch|mock|parametri[sz]e|timeout")


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.name.value.startswith("test") or not is_test_module(file.path):
        return
    name = function.name.value
    if _SAYS_SO.search(name) or not is_test_function(function, file) or _owner_is_unknown(function, file):
        return
    if any(_DECORATED.search(dotted(_called(each.decorator)) or "") for each in function.decorators):
        return
    if not _does_something(function) or _looks(function, file, 0):
        return
    fixtures = {fixture.name: fixture for fixture in find_fixtures(file)}
    for param in requested(function):
        asked = param.name.value
        # What a fixture from elsewhere does after the test isn't known.
        if asked not in fixtures or _LOOKS.search(asked) or _looks(fixtures[asked].function, file, 0):
            return
    yield Note(function.name, f"`{name}` looks at nothing: it fails only when something raises", anchor=function)


def _called(expression: cst.BaseExpression) -> cst.BaseExpression:
    return expression.func if isinstance(expression, cst.Call) else expression


def _owner_is_unknown(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether the test belongs to a class with bases or set-up, which may look at something when it ends."""
    owner = file.enclosing_class(function)
    if owner is None:
        return False
    methods = {each.name.value for each in owner.body.body if isinstance(each, cst.FunctionDef)}
    return bool(owner.bases or owner.decorators or not methods.isdisjoint({"tearDown", "teardown_method"}))


def _does_something(function: cst.FunctionDef) -> bool:
    return any(isinstance(node, cst.Call) for node in walk(function.body))


def _looks(function: cst.FunctionDef, file: SourceFile, depth: int) -> bool:
    """Whether a function asserts, raises, or calls something that may, in this file or by its name."""
    for node in walk(function.body):
        match node:
            case cst.Assert() | cst.Raise():
                return True
            case cst.Attribute(attr=cst.Name(name)) if name.startswith("assert_"):
                return True  # one that is only named is another rule's
            case cst.Call():
                if _may_look(node.func, file, depth) or any(_is_status(arg) for arg in node.args):
                    return True
            case cst.With():
                # A context manager may judge when it is left.
                if any(not _is_plain(item.item, file) for item in node.items):
                    return True
    return False


def _may_look(func: cst.BaseExpression, file: SourceFile, depth: int) -> bool:
    called = func
    while isinstance(called, cst.Attribute):
        if _LOOKS.search(called.attr.value):
            return True
        called = called.value
    if isinstance(called, cst.Call):
        return _may_look(called.func, file, depth)
    if isinstance(called, cst.Name) and _LOOKS.search(called.value):
        return True
    name = file.name_of(func)
    if name is not None and ("test" in name or "helper" in name or "util" in name or name.startswith(".")):
        return True
    definition = file.definition_of(func)
    if isinstance(definition, cst.FunctionDef):
        return depth >= 2 or _looks(definition, file, depth + 1)
    # A method that a base brings, or a function that was passed in or made, is unknown.
    return isinstance(func, cst.Attribute) and isinstance(called, cst.Name) and called.value in ("self", "cls")


def _is_status(arg: cst.Arg) -> bool:
    """`app.get("/", status=404)` of webtest raises when the answer has another status."""
    return arg.keyword is not None and arg.keyword.value in ("status", "expect_errors", "check", "strict")


def _is_plain(item: cst.BaseExpression, file: SourceFile) -> bool:
    name = file.name_of(_called(item))
    return name == "open" or (name or "").startswith(("tempfile.", "contextlib.", "unittest.mock.", "pathlib."))
