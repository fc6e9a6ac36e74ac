"""Finds new patches without a spec, in a repository that gives its mocks one."""

import re
from collections import Counter
from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Fix, FixKind, Insert, Note, Notes, SourceFile, argument, has_unpacking
from postil.lint.contexts import is_test_path
from postil.lint.mocks import Patch, patch_of
from postil.lint.names import dotted
from postil.lint.source import string_value
from postil.lint.tree import walk

_WITH_SPEC = re.compile(r"\b(?:autospec|spec_set|spec)\s*=|create_autospec\(")
_CALL = re.compile(r"\bpatch(?:\.object|\.multiple)?\(")
_ADOPTED = 0.25
"""The share of patches with a spec from which on a repository counts as one that wants it (ten services measured)."""

_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]+$")
_VALUES = re.compile(
    r"settings|config|environ|sys\.modules|^builtins?\.|^sys\.|^os\.name|\btime\.|datetime|__", re.IGNORECASE
)
# What a test gives a mock of a class that its spec doesn't know: attributes that `__init__` sets.
_MADE = re.compile(r"\.return_value\.\w+\s*=[^=]")


def check(change_set: ChangeSet) -> Notes:
    texts = [each.head_text or "" for each in change_set.files if is_test_path(each.path)]
    if not any(_WITH_SPEC.search(text) for text in texts):
        return
    with_spec = without = 0
    bare: list[tuple[SourceFile, Patch]] = []
    moved: Counter[str] = Counter()
    for change in change_set.files:
        if is_test_path(change.path) and _CALL.search(change.base_text or ""):
            moved += _counted(change.base) - _counted(change.head)
    for change in change_set.files:
        if change.head_text is None or not is_test_path(change.path) or not _CALL.search(change.head_text):
            continue
        if change.head is None:
            continue
        new = _counted(change.base) if change.base_text and _CALL.search(change.base_text) else Counter()
        for patch in _mocking(change.head):
            if patch.has_spec:
                with_spec += 1
                continue
            without += 1
            code = change.head.code(patch.call)
            if new[code]:
                new[code] -= 1
            elif moved[code]:
                moved[code] -= 1
            elif not _is_exempt(patch, change.head):
                bare.append((change.head, patch))
    if with_spec < 2 or with_spec < _ADOPTED * (with_spec + without):
        return
    for file, patch in bare:
        what = "patch" if patch.way == "patch" else f"patch.{patch.way}"
        target = f"`{patch.target}`" if patch.target else "its target"
        yield Note(
            file.at(patch.call),
            f"`{what}` without `autospec` puts in a mock that accepts calls which {target} would refuse",
            fix=Fix((Insert(file.at(patch.call.args[-1].value), ", autospec=True", after=True),), FixKind.SUGGESTION),
        )


def _counted(file: SourceFile | None) -> Counter[str]:
    return Counter(file.code(patch.call) for patch in _mocking(file)) if file is not None else Counter()


def _mocking(file: SourceFile) -> Iterator[Patch]:
    """The patches that make a mock of their own."""
    for call in file.nodes(cst.Call):
        patch = patch_of(call, file)
        if patch is None or patch.way == "dict" or has_unpacking(call) or not call.args:
            continue
        if patch.way == "multiple":
            defaults = [arg for arg in call.args[1:] if (dotted(arg.value) or "").endswith("DEFAULT")]
            if not defaults or len(defaults) < len(call.args) - 1:
                continue
        if patch.new is None and patch.factory is None:
            yield patch


def _is_exempt(patch: Patch, file: SourceFile) -> bool:
    """Whether a spec would be refused, would see too little, or would be of no use."""
    call = patch.call
    written = string_value(argument(call, "target", 0)) or file.code(call.args[0].value)
    if patch.target is not None and _CONSTANT.match(patch.target):
        return True
    if _VALUES.search(f"{written}.{patch.target or ''}" if patch.way == "object" else written):
        return True
    function = file.enclosing_def(call) or _decorated(call, file)
    if function is None:
        return False
    others = [each for each in walk(function) if isinstance(each, cst.Call) and each is not call]
    # What is a mock already can't be the shape of another one.
    if any(_covers(each, written, file) for each in others):
        return True
    return _MADE.search(file.code(function)) is not None


def _covers(other: cst.Call, written: str, file: SourceFile) -> bool:
    patch = patch_of(other, file)
    text = string_value(argument(other, "target", 0)) if patch is not None and patch.way == "patch" else None
    return text is not None and f"{written}.".startswith(f"{text}.")


def _decorated(call: cst.Call, file: SourceFile) -> cst.FunctionDef | None:
    above = file.parent(call)
    function = file.parent(above) if isinstance(above, cst.Decorator) else None
    return function if isinstance(function, cst.FunctionDef) else None
