"""A rule: a check and its page, joined; and the run of the page's examples, which is the test of the check."""

import inspect
import json
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

import libcst as cst
from pydantic import TypeAdapter, ValidationError

from postil.lint.allowance import Allowance
from postil.lint.change import Change, ChangeSet, FileChange
from postil.lint.check import Check
from postil.lint.finding import Finding, Severity
from postil.lint.page import Example, Page
from postil.lint.project import Project, is_project_file
from postil.lint.source import SourceFile
from postil.lint.tree import CODE_FIELDS

if TYPE_CHECKING:
    from postil.lint.engine import RuleSet


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


def run_example(rules: "RuleSet", rule: Rule, example: Example) -> list[Finding]:
    """What the one rule finds in an example, on all its files. A crash of the check is raised."""
    # What an allowance silences is known once the others had their say.
    only = rules if rule.subscription.whole is Allowance else rules.only([rule.name])
    heads = {block.path: block.text for block in example.blocks if block.side != "before"}
    bases = {block.path: block.text for block in example.blocks if block.side != "after"}
    paired = any(block.side for block in example.blocks)
    if not paired:
        bases = {}
    project, base_project = (
        Project({path: text for path, text in texts.items() if not path.endswith(".py") or is_project_file(path)})
        for texts in (heads, bases or heads)
    )
    findings: list[Finding] = []
    if rule.subscription.whole in (FileChange, ChangeSet):
        # A block without a side, beside ones with: a file that is there and isn't changed.
        paths = [path for path in sorted({*heads, *bases}) if heads.get(path) != bases.get(path)]
        changes = [Change(path, heads.get(path), bases.get(path)) for path in paths]
        report = only.lint_change_set(changes, project, base_project)
    else:
        report = None
    if report is None:
        for path, text in heads.items():
            each = only.lint(path, text, project) if path.endswith(".py") else only.lint_text(path, text)
            if each.problems:
                raise AssertionError(each.problems[0].message)
            findings.extend(each.findings)
    else:
        if report.problems:
            raise AssertionError(report.problems[0].message)
        findings.extend(report.findings)
    return [finding for finding in findings if finding.rule == rule.name and finding.allowed is None]


def example_failures(rules: "RuleSet", rule: Rule) -> Iterator[str]:
    """Every way in which a rule's page and its check disagree, each as one line for its author."""
    page = rule.page
    where = f"{rule.chapter}/{rule.name}.md"
    for example in page.bad:
        found = run_example(rules, rule, example)
        expected = list(example.expected)
        lines = {block.path: block.line for block in example.blocks}
        for finding in found:
            match = next((e for e in expected if e[:2] == (finding.path, finding.line)), None)
            at = f"{where}:{lines.get(finding.path, example.line) + finding.line}"
            if match is None:
                yield f"{at}: false alarm under Bad: {finding.message}"
            else:
                expected.remove(match)
                if not finding.message.startswith(match[2]):
                    yield f"{at}: says {finding.message!r}, the page expects {match[2]!r}"
        for path, line, message in expected:
            yield f"{where}:{lines.get(path, example.line) + line}: missed alarm: {message}"
    for heading, examples in (("Good", page.good), ("When it is fine", page.fine)):
        for example in examples:
            for finding in run_example(rules, rule, example):
                yield f"{where}:{example.line + finding.line}: false alarm under {heading}: {finding.message}"
    for example in page.misses:
        if run_example(rules, rule, example):
            yield f"{where}:{example.line}: no longer missed: move it to ## Bad"
