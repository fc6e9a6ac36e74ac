"""A rule: a check and its page, joined."""

import inspect
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, cast

import libcst as cst
from pydantic import TypeAdapter, ValidationError

from postil.lint.allowance import Allowance
from postil.lint.change import ChangeSet, FileChange
from postil.lint.check import Check
from postil.lint.finding import Severity
from postil.lint.page import Page
from postil.lint.source import SourceFile
from postil.lint.tree import CODE_FIELDS


class CheckError(Exception):
    """A function that can't be a check; the text says what is wrong with it and how it must be written."""


@dataclass(frozen=True)
class Subscription:
    """What a check sees. `nodes`: the classes of a check of nodes; `whole`: the one type of any other."""

    nodes: tuple[type[cst.CSTNode], ...] = ()
    whole: type | None = None


@dataclass(frozen=True)
class Rule:
    """A check with its page and its place in the guideline.

    `mentions`: a file that holds none of these words can't be concerned. `settled`: somebody chose the severity, so
    that a note can't have another.
    """

    name: str
    chapter: str
    chapter_title: str
    section_title: str
    page: Page
    check: Check
    subscription: Subscription
    severity: Severity
    opt_in: bool
    mentions: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    settled: bool = False

    @property
    def title(self) -> str:
        """The imperative cure."""
        return self.page.title

    @property
    def why(self) -> str:
        """Why it matters, as Markdown."""
        return self.page.why

    @property
    def section(self) -> str:
        """The slug of the guideline's section that the rule enforces."""
        return self.page.section

    def weighed(self, severity: Severity | None, options: Mapping[str, Any]) -> "Rule":
        """The same rule with another severity (None: its own) and with these options; what is no option is left out."""
        values, _ = options_of(self.check, options)
        changed = replace(self, options={**self.options, **values}) if values else self
        return replace(changed, severity=severity, settled=True) if severity is not None else changed


def subscription(check: Check) -> Subscription:
    """What the annotation of a check's first parameter asks for.

    Raises:
        CheckError: the annotation is missing or isn't one of the five kinds.
    """
    hints = typing.get_type_hints(check)
    parameters = list(inspect.signature(check).parameters.values())
    if not parameters:
        raise CheckError("`check` takes what it looks at as its first parameter")
    hint = hints.get(parameters[0].name)
    wanted = (
        typing.get_args(hint)
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
        else (hint,)
    )
    if wanted in ((SourceFile,), (FileChange,), (ChangeSet,), (Allowance,)):
        return Subscription(whole=wanted[0])
    if all(isinstance(kind, type) and issubclass(kind, cst.CSTNode) and kind in CODE_FIELDS for kind in wanted):
        if len(parameters) < 2 or hints.get(parameters[1].name) is not SourceFile:
            raise CheckError("the second parameter of a check of nodes is `file: SourceFile`")
        return Subscription(nodes=tuple(cast("type[cst.CSTNode]", kind) for kind in wanted))
    raise CheckError(
        "annotate the first parameter with a libcst node (or a union of them), SourceFile, FileChange, ChangeSet or "
        "Allowance"
    )


def option_names(check: Check) -> dict[str, Any]:
    """A check's options and their defaults: its keyword-only parameters."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(check).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def options_of(check: Check, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values as a check takes them, and for each that it doesn't take what is wrong, without the option's name."""
    known, hints = option_names(check), typing.get_type_hints(check)
    taken: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in values.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            there_are = f"there is {', '.join(known)}" if known else "the rule has none"
            wrong[name] = f"is no option; {f'did you mean `{near[0]}`?' if near else there_are}"
            continue
        try:
            # As JSON, a list may become a tuple though nothing else is converted.
            taken[name] = TypeAdapter(hints[name]).validate_json(json.dumps(value, default=str), strict=True)
        except ValidationError as error:
            wrong[name] = f"{error.errors()[0]['msg'].removeprefix('Input ')}; it is left out"
    return taken, wrong
