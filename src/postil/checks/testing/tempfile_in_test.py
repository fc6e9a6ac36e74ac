"""Finds tests that make temporary files by themselves."""

import re

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Replace, SourceFile, argument, string_value
from postil.lint.contexts import is_test_path
from postil.lint.fixtures import fixture_of, in_unittest, is_test_function, is_test_module, requested
from postil.lint.names import last_name, parameters
from postil.lint.tree import walk

MENTIONS = ("tempfile", "/tmp", "tmpdir")  # noqa: S108 - the very text that is looked for

_MAKES = frozenset({"mkdtemp", "mkstemp", "mktemp", "NamedTemporaryFile", "TemporaryDirectory"})
_WRITES = frozenset({"write_text", "write_bytes", "mkdir", "touch", "open"})
_WRITING = re.compile(r"[wax+]")
_OPENS = re.compile(r"(?:open|pathlib\.(?:Pure)?(?:Posix)?Path|os\.(?!environ).+|shutil\..+)$")
# Hooks of pytest, and set-up in the old style.
_WITHOUT_FIXTURES = ("pytest_", "setup", "teardown", "setUp", "tearDown")
# A socket's path must be short, and the folders of pytest are long.
_SHORT = re.compile(r"sock|/tmp/?$|unix|ipc", re.IGNORECASE)


def check(node: cst.Call | cst.FunctionDef, file: SourceFile) -> Notes:
    if not is_test_path(file.path) or not (is_test_module(file.path) or file.path.endswith("conftest.py")):
        return
    if isinstance(node, cst.FunctionDef):
        yield from _legacy(node, file)
        return
    what = _made(node, file)
    if what is None:
        return
    function = file.enclosing_def(node)
    # At the top level, in hooks and in classes of unittest no fixture can be had.
    if function is None or function.name.value.startswith(_WITHOUT_FIXTURES) or in_unittest(node, file):
        return
    outer = function
    while (above := file.enclosing_def(outer)) is not None:
        outer = above
    owner = file.enclosing_class(outer)
    if owner is not None and not owner.name.value.startswith("Test"):
        return
    if any(_drives_itself(each, file) for each in outer.decorators):
        return
    if any(_SHORT.search(file.code(each)) for each in (file.enclosing_statement(node), outer.name)):
        return
    fixture = fixture_of(outer, file)
    wide = fixture is not None and fixture.scope != "function"
    instead = "tmp_path_factory" if wide else "tmp_path"
    has_fixtures = fixture is not None or is_test_function(outer, file)
    if not has_fixtures and file.mentions("TestCase") and not file.mentions("pytest"):
        return  # a helper of tests that have no fixtures to hand on
    yield Note(
        node,
        f"`{what}` leaves a file that somebody has to remove, and two runs at once may share"
        if what.startswith("/")
        else f"`{what}` manages by hand what the fixture `{instead}` does by itself",
        severity=None if has_fixtures else "hint",
        fix=_fixed(node, outer, file) if has_fixtures and not wide else None,
    )


def _made(call: cst.Call, file: SourceFile) -> str | None:
    """What makes the file: a function of `tempfile`, or a path under /tmp that is handed to what opens paths."""
    func = call.func
    last = last_name(func)
    if last in _MAKES or file.mentions("tempfile"):
        name = file.name_of(func)
        if name is not None and name.startswith("tempfile.") and name.removeprefix("tempfile.") in _MAKES:
            # With a folder of its own it lies where the test wants it.
            prefix = argument(call, "prefix")
            placed = argument(call, "dir") is not None or (prefix is not None and string_value(prefix) is None)
            return None if placed else name
    if not file.mentions("/tmp") or not call.args:  # noqa: S108 - the very text that is looked for
        return None
    given = call.args[0].value
    value = file.value_of(given) if isinstance(given, cst.Name) else None
    text = string_value(value if value is not None else given)
    if text is None or not text.startswith("/tmp/"):  # noqa: S108
        return None
    name = file.name_of(func)
    if name is None or not _OPENS.match(name):
        return None
    if name == "open" and value is not None and not _WRITING.search(string_value(argument(call, "mode", 1)) or ""):
        return None  # read again what was written
    above = file.parent(call)
    # A path that is only named touches nothing: `Settings(folder=Path("/tmp/orders"))`.
    writes = name == "open" or name.startswith(("os.mk", "os.makedirs", "shutil.")) or _is_written(above)
    return text if writes or _is_written_by_name(above, file) else None


def _is_written(above: cst.CSTNode | None) -> bool:
    return isinstance(above, cst.Attribute) and above.attr.value in _WRITES


def _is_written_by_name(above: cst.CSTNode | None, file: SourceFile) -> bool:
    """Whether a path gets a name in a function, and is written to by that name."""
    function = file.enclosing_def(above) if isinstance(above, cst.Assign) else None
    if function is None or not isinstance(above, cst.Assign) or not isinstance(above.targets[0].target, cst.Name):
        return False
    name = above.targets[0].target.value
    return any(
        isinstance(node, cst.Attribute)
        and node.attr.value in _WRITES
        and isinstance(node.value, cst.Name)
        and node.value.value == name
        for node in walk(function.body)
    )


def _drives_itself(decorator: cst.Decorator, file: SourceFile) -> bool:
    """Whether a test runs many times in one, as with hypothesis, and needs a new folder each time."""
    return "given" in file.code(decorator) or "hookimpl" in file.code(decorator)


def _legacy(function: cst.FunctionDef, file: SourceFile) -> Notes:
    for param in requested(function):
        if param.name.value != "tmpdir" or param.annotation is not None:
            continue
        if is_test_function(function, file) or fixture_of(function, file) is not None:
            yield Note(param, "`tmpdir` is a `py.path.local`; `tmp_path` is a `pathlib.Path`", severity="hint")


def _fixed(call: cst.Call, function: cst.FunctionDef, file: SourceFile) -> Fix | None:
    """`mkdtemp()` becomes the fixture's folder, where it is the only one that the function makes."""
    if file.name_of(call.func) != "tempfile.mkdtemp" or call.args or file.enclosing_def(call) is not function:
        return None
    made = [each for each in walk(function.body) if isinstance(each, cst.Call) and _made(each, file) is not None]
    params = function.params
    if (
        len(made) > 1
        or params.star_kwarg is not None
        or params.kwonly_params
        or params.star_arg is not cst.MaybeSentinel.DEFAULT
    ):
        return None
    if any(each.name.value == "tmp_path" for each in parameters(function)):
        added: tuple[Insert, ...] = ()
    elif params.params and params.params[-1].default is None:
        added = (Insert(params.params[-1], ", tmp_path", after=True),)
    else:
        return None
    above = file.parent(file.parent(call) or call)
    whole = isinstance(above, cst.Call) and file.name_of(above.func) == "pathlib.Path" and len(above.args) == 1
    edit = Replace(above, "tmp_path") if whole and above is not None else Replace(call, "str(tmp_path)")
    return Fix((*added, edit), FixKind.SUGGESTION)
