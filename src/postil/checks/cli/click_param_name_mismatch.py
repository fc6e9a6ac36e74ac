"""Finds Click commands whose parameters aren't those that Click hands them."""

import libcst as cst

from postil.lint import Fix, FixKind, Insert, Note, Notes, SourceFile, string_value
from postil.lint.commands import Command, Parameter, command_of

MENTIONS = ("click",)


def check(function: cst.FunctionDef, file: SourceFile) -> Notes:
    if not function.decorators or file.is_test or file.enclosing_class(function) is not None:
        return
    command = command_of(function, file)
    if command is None or not command.known or any(each.name is None for each in command.parameters):
        return
    params = function.params
    if isinstance(params.star_arg, cst.Param) and command.ahead:
        return
    named = [*params.posonly_params, *params.params][command.ahead :] + list(params.kwonly_params)
    names = {param.name.value for param in named}
    given = {each.name for each in command.parameters if each.exposed}
    lost = [each for each in command.parameters if each.exposed and each.name not in names]
    missing = [param for param in named if param.default is None and param.name.value not in given]
    free = [param.name.value for param in named if param.name.value not in given]
    if params.star_kwarg is None:
        for each in lost:
            instead = free[0] if len(lost) == 1 and len(free) == 1 else None
            what = "option" if each.kind == "option" else "argument"
            yield Note(
                each.place,
                f"Click calls `{function.name.value}` with `{each.name}` for the {what} `{each.shown}`,"
                " and it has no such parameter",
                fix=_named(each, instead, command) if instead is not None else None,
            )
        if lost:
            return
    for param in missing if command.plain else ():
        yield Note(
            param,
            f"no option or argument of `{function.name.value}` fills its parameter `{param.name.value}`,"
            " so calling the command raises `TypeError`",
        )


def _named(parameter: Parameter, name: str, command: Command) -> Fix | None:
    """The name of the function's parameter, said to Click."""
    declared = [arg for arg in parameter.call.args if arg.keyword is None]
    # One that several commands share isn't renamed for one of them.
    if not declared or parameter.place is not parameter.call or any(each.name == name for each in command.parameters):
        return None
    said = next((arg.value for arg in declared if (string_value(arg.value) or "").isidentifier()), None)
    if parameter.kind == "argument" or said is not None:
        return Fix.replace(said or declared[0].value, f'"{name}"', FixKind.SUGGESTION)
    return Fix((Insert(declared[-1], f', "{name}"', after=True),), FixKind.SUGGESTION)
