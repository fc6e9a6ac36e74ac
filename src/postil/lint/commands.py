"""Commands of Click: which functions are one, and what Click calls them with.

Facts from Click 8.5 (tests/test_framework_facts.py); rich-click and asyncclick have the same decorators.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint.source import SourceFile, argument, has_unpacking, string_value

_ROOTS = ("click.", "rich_click.", "asyncclick.")
_COMMANDS = frozenset({"command", "group"})
_OPTIONS = frozenset({"option", "argument", "password_option"})
# They hand the function something in front of its parameters.
_PASS = frozenset({"pass_context", "pass_obj", "make_pass_decorator"})
# By their nature they hand it nothing.
_SILENT = frozenset({"version_option", "help_option", "confirmation_option"})


@dataclass(frozen=True, eq=False)
class Parameter:
    """One option or argument: the call that declares it, and the name by which Click hands it to the function.

    `place` is what the decorator says: the call, or the name that this file gives it. `name` is None where it is not
    written out. `exposed` is False for one that the function doesn't get.
    """

    call: cst.Call
    place: cst.BaseExpression
    kind: str
    name: str | None
    shown: str
    exposed: bool


@dataclass(frozen=True, eq=False)
class Command:
    """One command, or group of commands. `decorator` is what makes it one, `ahead` what `pass_…` puts in front.

    `known` is False where a decorator isn't Click's own, which may add parameters or take them away. `plain` is True
    where its group stands in the same file and has Click's own class; another may hand the command more.
    """

    function: cst.FunctionDef
    decorator: cst.Decorator
    kind: str
    parameters: tuple[Parameter, ...]
    ahead: int
    known: bool
    plain: bool


def command_of(function: cst.FunctionDef, file: SourceFile) -> Command | None:
    """The command that a function is by its decorators, or None."""
    made: tuple[cst.Decorator, str] | None = None
    parameters: list[Parameter] = []
    ahead, known, clicks, plain = 0, True, False, False
    for decorator in function.decorators:
        made_by = _written_out(decorator.decorator, file)
        call = made_by if isinstance(made_by, cst.Call) else None
        target = call.func if call is not None else made_by
        own = _own(target, file)
        if own in _COMMANDS or (own is None and _is_method(target)):
            group = _group(target, file)
            clicks = clicks or own is not None or group is not None
            plain = group is not None and not _has_class(group) and not _has_class(call)
            made = made or (decorator, own or _last(target))
            known = known and (call is None or (argument(call, "params") is None and not has_unpacking(call)))
        elif own in _OPTIONS and call is not None:
            clicks = True
            parameters.append(_parameter(call, decorator.decorator, own))
        elif own in _PASS:
            ahead += 1
        elif own not in _SILENT:
            known = False
    if made is None or not clicks:
        return None
    return Command(function, made[0], made[1], tuple(parameters), ahead, known, plain)


def is_click_command(function: cst.FunctionDef, file: SourceFile) -> bool:
    """Whether Click makes a command of this function."""
    return bool(function.decorators) and command_of(function, file) is not None


def commands(file: SourceFile) -> Iterator[Command]:
    """The commands of a file, in source order."""
    for function in file.nodes(cst.FunctionDef):
        if function.decorators and (command := command_of(function, file)) is not None:
            yield command


def _written_out(decorator: cst.BaseExpression, file: SourceFile) -> cst.BaseExpression:
    """What a decorator is, where it has a name of its own in this file: `verbose = click.option("--verbose")`."""
    found = file.value_of(decorator) if isinstance(decorator, cst.Name) else None
    return found if isinstance(found, cst.Call) and _own(found.func, file) is not None else decorator


def _own(target: cst.BaseExpression, file: SourceFile) -> str | None:
    """`option` of `click.option`, by whatever import."""
    name = file.name_of(target)
    return name.rpartition(".")[2] if name is not None and name.startswith(_ROOTS) else None


def _is_method(target: cst.BaseExpression) -> bool:
    return isinstance(target, cst.Attribute) and target.attr.value in _COMMANDS


def _group(target: cst.BaseExpression, file: SourceFile) -> cst.BaseExpression | None:
    """What makes the group of which `target` is `.command`, where this file defines it with Click."""
    owner = target.value if isinstance(target, cst.Attribute) else None
    found = file.definition_of(owner) if owner is not None else None
    if isinstance(found, cst.FunctionDef):
        for each in found.decorators:
            made = each.decorator
            if _own(made.func if isinstance(made, cst.Call) else made, file) == "group":
                return made
    return None


def _has_class(made: cst.BaseExpression | None) -> bool:
    return isinstance(made, cst.Call) and (argument(made, "cls") is not None or has_unpacking(made))


def _last(target: cst.BaseExpression) -> str:
    return target.attr.value if isinstance(target, cst.Attribute) else ""


def _parameter(call: cst.Call, place: cst.BaseExpression, own: str) -> Parameter:
    kind = "argument" if own == "argument" else "option"
    declared = [string_value(arg.value) for arg in call.args if arg.keyword is None and not arg.star]
    written = [each for each in declared if each is not None]
    if own == "password_option" and not declared:
        written = ["--password"]
    hidden = argument(call, "expose_value")
    exposed = not (isinstance(hidden, cst.Name) and hidden.value == "False")
    sure = len(written) == max(len(declared), 1) and not has_unpacking(call)
    name = (_argument_name(written) if kind == "argument" else option_name(written)) if sure else None
    shown = next((each for each in written if each.startswith("--")), written[0] if written else "?")
    return Parameter(call, place, kind, name, shown, exposed)


def _argument_name(declared: list[str]) -> str | None:
    # https://github.com/pallets/click/blob/8.3.0/src/click/core.py, `Argument._parse_decls`
    return declared[0].replace("-", "_").lower() if len(declared) == 1 else None


def option_name(declared: list[str]) -> str | None:
    """The name that Click gives an option: the one that is an identifier, else the first of the most dashes."""
    # https://github.com/pallets/click/blob/8.3.0/src/click/core.py, `Option._parse_decls`
    explicit = [each for each in declared if each.isidentifier()]
    if explicit:
        return explicit[0] if len(explicit) == 1 else None
    possible: list[tuple[int, str]] = []
    for each in declared:
        split = ";" if each[:1] == "/" else "/"
        first = each.split(split, 1)[0].rstrip() if split in each else each
        bare = first.lstrip(first[:1]) if first[:1] and not first[:1].isalnum() else first
        if first:
            dashes = 2 if first[:2] == first[:1] * 2 else 1
            possible.append((-dashes, bare.replace("-", "_").lower()))
    possible.sort(key=lambda pair: pair[0])
    name = possible[0][1] if possible else None
    return name if name is not None and name.isidentifier() else None
