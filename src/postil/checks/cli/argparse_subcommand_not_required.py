"""Finds subcommands of argparse that may be left out, after which the program breaks."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, Secondary, SourceFile, argument, has_unpacking, string_value
from postil.lint.names import dotted

MENTIONS = ("add_subparsers",)

# Words of those who have thought of it: a default, a test, the help instead.
_GUARDS = re.compile(
    r"\bhasattr\(|\bgetattr\(|\bprint_help\b|\bprint_usage\b|\bformat_help\b|\bAttributeError\b|\bvars\(|sys\.argv\)|\.required\s*="
)


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "add_subparsers"):
        return
    if argument(call, "required") is not None or has_unpacking(call) or _GUARDS.search(file.text) is not None:
        return
    if file.in_test(call):
        return
    chosen = list(_chosen(call, file))
    missing = [found for each in chosen if (found := _looked_up(each, file)) is not None]
    if missing and len(missing) == len(chosen):
        yield Note(
            call,
            f"without a subcommand `{file.code(chosen[0])}` is None, and the user sees a `KeyError`",
            secondary=(Secondary(missing[0], "fails here"),),
            fix=_required(call, file),
        )
    if chosen:
        return
    for name in _set_by_subcommands(call, file):
        used = _read_as(name, file)
        if used is not None:
            yield Note(
                call,
                f"without a subcommand `{file.code(used)}` does not exist, and the user sees an `AttributeError`",
                secondary=(Secondary(used, "fails here"),),
                fix=_required(call, file, "subcommand" if name == "command" else "command"),
            )
            return


def _chosen(call: cst.Call, file: SourceFile) -> Iterator[cst.Attribute]:
    """Where the module looks at what was chosen: `if not args.command`."""
    name = string_value(argument(call, "dest"))
    for node in file.nodes(cst.Attribute) if name is not None else ():
        if node.attr.value == name and not _is_assigned(node, file):
            yield node


def _looked_up(chosen: cst.Attribute, file: SourceFile) -> cst.Subscript | None:
    """The `HANDLERS[args.command]` that a name of a subcommand is a key of, in a dict that is written out."""
    index = file.parent(chosen)
    element = file.parent(index) if isinstance(index, cst.Index) else None
    found = file.parent(element) if isinstance(element, cst.SubscriptElement) else None
    if not isinstance(found, cst.Subscript) or any(isinstance(above, cst.Try) for above in file.ancestors(found)):
        return None
    table = found.value if isinstance(found.value, cst.Dict) else file.value_of(found.value)
    if not isinstance(table, cst.Dict) or not table.elements:
        return None
    keys = [element.key if isinstance(element, cst.DictElement) else None for element in table.elements]
    return found if all(string_value(key) is not None for key in keys) else None


def _is_assigned(node: cst.Attribute, file: SourceFile) -> bool:
    return isinstance(file.parent(node), cst.AssignTarget)


def _set_by_subcommands(call: cst.Call, file: SourceFile) -> list[str]:
    """The names that the subcommands' parsers set by `set_defaults`, and the parser itself doesn't."""
    parser = dotted(call.func.value) if isinstance(call.func, cst.Attribute) else None
    names: list[str] = []
    given: set[str] = set()
    for other in file.nodes(cst.Call):
        if not (isinstance(other.func, cst.Attribute) and other.func.attr.value == "set_defaults"):
            continue
        keywords = [arg.keyword.value for arg in other.args if arg.keyword is not None]
        same = file.enclosing_function(other) is file.enclosing_function(call)
        if (same and dotted(other.func.value) == parser) or _is_parser(other.func.value, file):
            given.update(keywords)
        else:
            names += keywords
    return [name for name in names if name not in given]


def _is_parser(owner: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether this is a parser of its own and no subcommand's."""
    value = file.value_of(owner)
    return isinstance(value, cst.Call) and (file.name_of(value.func) or "").endswith("ArgumentParser")


def _read_as(name: str, file: SourceFile) -> cst.Attribute | None:
    """Where `args.func` is read, to be called at once or later on; None where an option may fill it as well."""
    found = [
        node
        for node in file.nodes(cst.Attribute)
        if node.attr.value == name and not _is_assigned(node, file) and _is_parsed(node.value, file)
    ]
    return found[0] if found and not _is_tested(name, file) and not _is_option(name, file) else None


def _is_parsed(owner: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether this is what `parse_args` gave."""
    if not isinstance(owner, cst.Name):
        return False
    value = file.value_of(owner)
    if isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
        return value.func.attr.value == "parse_args"
    return owner.value in ("args", "arguments", "options", "opts", "ns", "namespace")


def _is_tested(name: str, file: SourceFile) -> bool:
    """Whether the module asks `"func" in args`."""
    return re.search(rf"""['"]{name}['"]\s+(?:not\s+)?in\b""", file.text) is not None


def _is_option(name: str, file: SourceFile) -> bool:
    """Whether an argument has the same name: then it is there without a subcommand, too."""
    for call in file.nodes(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "add_argument":
            named = [argument(call, "dest"), *(arg.value for arg in call.args if arg.keyword is None)]
            if any((string_value(each) or "").lstrip("-").replace("-", "_") == name for each in named):
                return True
    return False


def _required(call: cst.Call, file: SourceFile, dest: str = "command") -> Fix:
    named = argument(call, "dest") is not None or argument(call, "metavar") is not None
    # Without a name argparse of Python 3.8 can't say what is missing.
    text = "required=True" if named else f'dest="{dest}", required=True'
    if call.args:
        return Fix((Insert(call.args[-1], f", {text}", after=True),), FixKind.SUGGESTION)
    return Fix.replace(call, f"{file.code(call.func)}({text})", FixKind.SUGGESTION)
