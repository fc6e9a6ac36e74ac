"""Finds argparse arguments that are converted with `bool`."""

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, Replace, SourceFile, argument, has_unpacking, string_value

MENTIONS = ("add_argument",)

# Libraries with parsers of the same shape that read "false" as false.
_OTHER_PARSERS = frozenset({"jsonargparse", "tap", "simple_parsing", "datargs"})
_CONVERTING_ACTIONS = frozenset({"store", "append", "extend"})
_NO_FLAG = frozenset({"nargs", "const", "choices", "metavar", "required"})


def check(call: cst.Call, file: SourceFile) -> Notes:
    if not (isinstance(call.func, cst.Attribute) and call.func.attr.value == "add_argument"):
        return
    converter = next((arg for arg in call.args if arg.keyword is not None and arg.keyword.value == "type"), None)
    if converter is None or file.name_of(converter.value) != "bool":
        return
    action = argument(call, "action")
    if action is not None and string_value(action) not in _CONVERTING_ACTIONS:
        return
    if any(origin.split(".", 1)[0] in _OTHER_PARSERS for origin in file.imports.values()):
        return
    names = [string_value(arg.value) for arg in call.args if arg.keyword is None and not arg.star]
    option = next((name for name in names if name and name.startswith("--")), None) or next(filter(None, names), None)
    what = f"`{option} False`" if option and option.startswith("-") else f"`False` given for `{option}`"
    yield Note(
        converter if option is None else call,
        f'`type=bool` calls `bool("False")`, so {what if option else "`False`"} means `True`',
        anchor=converter,
        fix=_fix(call, converter, action, option, file),
    )


def _fix(
    call: cst.Call, converter: cst.Arg, action: cst.BaseExpression | None, option: str | None, file: SourceFile
) -> Fix | None:
    """A flag in place of the conversion, for options that are plain switches."""
    given = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    if option is None or not option.startswith("-") or action is not None or has_unpacking(call) or given & _NO_FLAG:
        return None
    default = argument(call, "default")
    if default is None or (isinstance(default, cst.Name) and default.value == "False"):
        return Fix((Replace(converter, 'action="store_true"'),), FixKind.SUGGESTION)
    module = next((local for local, origin in file.imports.items() if origin == "argparse"), None)
    if module is None or not option.startswith("--") or not _is_switch(default):
        return None
    return Fix((Replace(converter, f"action={module}.BooleanOptionalAction"),), FixKind.SUGGESTION)


def _is_switch(default: cst.BaseExpression) -> bool:
    return isinstance(default, cst.Name) and default.value in ("True", "None")
