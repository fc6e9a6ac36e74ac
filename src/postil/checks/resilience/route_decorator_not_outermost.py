"""Finds decorators above the one that registers the function, which the registered function goes without."""

import re
from collections.abc import Sequence

import libcst as cst

from postil.lint import Fix, Note, Notes, Replace, SourceFile
from postil.lint.names import dotted
from postil.lint.tree import walk_scope

# One of these stands in each decorator that registers something.
MENTIONS = (
    ".get(", ".post(", ".put(", ".patch(", ".delete(", "route(", "websocket(", "task", "actor", "job", ".command(",
    "listens_for", "receiver(",
)  # fmt: skip

# Decorators that only say something about a function, or that work on what the registering one gives.
_HARMLESS = re.compile(
    r"^(staticmethod|classmethod|abstractmethod|overload|override|final|property|deprecated|no_type_check|version"
    r"|api_version|cbv|doc|docs|extend_schema\w*|schema|swagger_\w+|openapi\w*|expect|response|responses|arguments"
    r"|produces|consumes|marshal_with\w*|tag|tags|summary|describe|csrf_exempt|login_exempt|exempt|public|hidden"
    r"|\w*(option|argument|param)s?|pass_context|pass_obj|pass_app|confirmation_option|password_option|version_option|help_option"
    r"|route|get|post|put|patch|delete|head|options|websocket|api_route|command|group|callback|task|actor|job"
    r"|shared_task|periodic_task|receiver|listens_for|register|connect|on|on_event|middleware|exception_handler"
    r"|errorhandler|skip\w*|mark|fixture|parametrize|setupmethod|wraps|result_callback|requires_\w*metadata)$"
)
_GROUPS = frozenset({"typer.Typer", "click.Group", "click.core.Group", "flask.cli.AppGroup", "cyclopts.App"})
_SIGNALS = frozenset({"sqlalchemy.event.listens_for", "django.dispatch.receiver"})


def check(file: SourceFile) -> Notes:
    stacked = [function for function in file.nodes(cst.FunctionDef) if len(function.decorators) > 1]
    if not stacked:
        return
    registering = {id(route.decorator): "route" for route in file.routes}
    registering |= {id(task.decorator): "task" for task in file.tasks}
    for function in stacked:
        for index, decorator in enumerate(function.decorators):
            what = registering.get(id(decorator)) or _other(decorator, file)
            if what is None:
                continue
            above = [each for each in function.decorators[:index] if not _is_harmless(each, file)]
            if above and not file.in_test(function):
                yield Note(
                    decorator,
                    _message(above, function, what),
                    fix=_on_top(function.decorators, index, file) if len(above) == index else None,
                )
            break


def _other(decorator: cst.Decorator, file: SourceFile) -> str | None:
    """What else a decorator registers its function as: a signal's receiver, or a command of a group."""
    call = decorator.decorator
    if not isinstance(call, cst.Call):
        return None
    if file.name_of(call.func) in _SIGNALS:
        return "receiver"
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "command":
        return None
    owner = call.func.value
    if file.type_of(owner) in _GROUPS:
        return "command"
    made = file.definition_of(owner)
    is_group = isinstance(made, cst.FunctionDef) and any(
        (dotted(_called(each)) or "").endswith(("click.group", ".group")) or dotted(_called(each)) == "group"
        for each in made.decorators
    )
    return "command" if is_group else None


def _called(decorator: cst.Decorator) -> cst.BaseExpression:
    return decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator


def _is_harmless(decorator: cst.Decorator, file: SourceFile) -> bool:
    """Whether a decorator only marks the function. One that isn't a plain name could do anything."""
    name = dotted(_called(decorator))
    return name is None or _HARMLESS.match(name.rpartition(".")[2]) is not None or _marks(decorator, file)


def _marks(decorator: cst.Decorator, file: SourceFile) -> bool:
    """Whether a decorator of this file gives back the very function that it was given."""
    made = file.definition_of(_called(decorator))
    if not isinstance(made, cst.FunctionDef):
        return False
    inner = [node for node in made.body.body if isinstance(node, cst.FunctionDef)]
    given = made
    if isinstance(decorator.decorator, cst.Call):
        if len(inner) != 1:
            return False
        given = inner[0]
    params = given.params.params
    if len(params) != 1 or any(isinstance(node, cst.FunctionDef) for node in given.body.body):
        return False
    returned = [node.value for node in walk_scope(given.body) if isinstance(node, cst.Return)]
    return bool(returned) and all(dotted(value) == params[0].name.value for value in returned)


def _message(above: Sequence[cst.Decorator], function: cst.FunctionDef, what: str) -> str:
    names = [f"`{dotted(_called(each))}`" for each in above]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    stands = "stands" if len(names) == 1 else "stand"
    it = "it" if len(names) == 1 else "them"
    return f"{listed} {stands} above what registers `{function.name.value}`, so the {what} runs without {it}"


def _on_top(decorators: Sequence[cst.Decorator], index: int, file: SourceFile) -> Fix:
    """The registering decorator in the first place, and each of those above it one further down."""
    texts = [file.code(each.decorator) for each in decorators[: index + 1]]
    order = [texts[-1], *texts[:-1]]
    return Fix(tuple(Replace(each.decorator, text) for each, text in zip(decorators[: index + 1], order, strict=True)))
