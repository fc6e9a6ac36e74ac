"""What `postil check` and `postil review` print: text, JSON, SARIF and workflow commands, from plain values. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from postil.lint.finding import Finding, Problem, Severity
from postil.lint.rule import Rule
from postil.packs import Guideline, Links
from postil.review.compose import counted, left_out_as
from postil.review.model import Mention, Review, Skipped

_SARIF_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "note"}
_WORKFLOW_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}


@dataclass(frozen=True)
class Checked:
    """The outcome of `postil check`: what was found, silenced or left out, and what could not be judged."""

    findings: tuple[Finding, ...]
    fixable: frozenset[int]
    suppressed: int
    left_out: int
    problems: tuple[Problem, ...]
    skipped: tuple[Skipped, ...]
    files: int
    config: str

    def is_fixable(self, finding: Finding) -> bool:
        """Whether a proved fix is at hand."""
        return id(finding) in self.fixable

    @property
    def found(self) -> int:
        """Everything that was found, shown or not."""
        return len(self.findings) + self.suppressed + self.left_out

    @property
    def accounting(self) -> str:
        """The line that says where everything went."""
        weights = _counts(self.findings)
        left_out = f", {self.left_out} left out" if self.left_out else ""
        reasons = Counter(each.why for each in self.skipped)
        skipped = ", ".join(left_out_as(why, number) for why, number in reasons.items())
        files = f"{counted(self.files, 'file')}{f' ({skipped} left out)' if skipped else ''}"
        return (
            f"{self.found} found: {weights}, {self.suppressed} suppressed{left_out} · "
            f"{files} · {counted(len(self.problems), 'problem')} · config {self.config}"
        )


def _counts(findings: Iterable[Finding]) -> str:
    severities = [finding.severity for finding in findings]
    return ", ".join(counted(severities.count(severity), str(severity)) for severity in reversed(Severity))


def as_json(checked: Checked, guideline: Guideline, links: Links) -> str:
    """One JSON object: `findings`, `problems` and `accounting`; lines and columns are 1-based."""
    findings = []
    for finding in checked.findings:
        rule = guideline.rule(finding.rule)
        findings.append(
            {
                "rule": finding.rule,
                "path": finding.path,
                "line": finding.line,
                "end_line": finding.end_line,
                "column": finding.column,
                "end_column": finding.end_column,
                "severity": str(finding.severity),
                "message": finding.message,
                "section": rule.section if rule else "",
                "url": links.rule(rule.chapter, rule.name) if rule else "",
                "fixable": checked.is_fixable(finding),
            }
        )
    accounting = {
        "found": checked.found,
        "shown": len(checked.findings),
        "suppressed": checked.suppressed,
        "left_out": checked.left_out,
        "files": checked.files,
        "files_left_out": len(checked.skipped),
        "problems": len(checked.problems),
        "config": checked.config,
        "guideline": guideline.version,
    }
    body = {"findings": findings, "problems": [asdict(p) for p in checked.problems], "accounting": accounting}
    return json.dumps(body, indent=2, ensure_ascii=False)


def as_sarif(checked: Checked, guideline: Guideline, links: Links, version: str) -> str:
    """A SARIF 2.1.0 log with one run, as code scanning takes it."""
    names = sorted({finding.rule for finding in checked.findings})
    rules = [_sarif_rule(rule, links) for name in names if (rule := guideline.rule(name))]
    results = [
        {
            "ruleId": finding.rule,
            "ruleIndex": names.index(finding.rule),
            "level": _SARIF_LEVEL[finding.severity],
            "message": {"text": finding.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": finding.path, "uriBaseId": "%SRCROOT%"},
                        "region": {
                            "startLine": finding.line,
                            "startColumn": finding.column,
                            "endLine": finding.end_line,
                            "endColumn": finding.end_column,
                        },
                    }
                }
            ],
        }
        for finding in checked.findings
    ]
    notifications = [
        {"level": "warning", "message": {"text": f"{problem.path}: {problem.message}"}} for problem in checked.problems
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Postil", "version": version, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": results,
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False)


def _sarif_rule(rule: Rule, links: Links) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "helpUri": links.rule(rule.chapter, rule.name),
        "defaultConfiguration": {"level": _SARIF_LEVEL[rule.severity]},
    }


def as_workflow(checked: Checked) -> str:
    """Workflow commands, which GitHub Actions shows as annotations."""

    def escape(text: str, *, value: bool = False) -> str:
        pairs = [("%", "%25"), ("\r", "%0D"), ("\n", "%0A")]
        for plain, escaped in [*pairs, (":", "%3A"), (",", "%2C")] if value else pairs:
            text = text.replace(plain, escaped)
        return text

    lines = [
        f"::{_WORKFLOW_LEVEL[finding.severity]} file={escape(finding.path, value=True)},line={finding.line},"
        f"endLine={finding.end_line},col={finding.column},title={finding.rule}::{escape(finding.message)}"
        for finding in checked.findings
    ]
    lines += [f"::warning file={escape(p.path, value=True)}::{escape(p.message)}" for p in checked.problems]
    return "\n".join([*lines, checked.accounting])


def as_text(checked: Checked, sources: Mapping[str, str]) -> str:
    """For a terminal: each finding with its line of code, then the problems, then the accounting."""
    lines = []
    for finding in checked.findings:
        mark = " (fixable)" if checked.is_fixable(finding) else ""
        where = f"{finding.path}:{finding.line}:{finding.column}"
        lines.append(f"{where}: {finding.severity}: {finding.message} [{finding.rule}]{mark}")
        code = sources.get(finding.path, "").split("\n")
        if 0 < finding.line <= len(code):
            lines.append(f"    {printable(code[finding.line - 1].strip()[:160])}")
        lines += [f"    {place.path}:{place.line}: {place.text}" for place in finding.related]
    lines += _not_analysed(checked)
    if lines:
        lines.append("")
    return "\n".join(printable(line) for line in [*lines, checked.accounting])


def beside_a_diff(checked: Checked) -> str:
    """What a diff of the fixes doesn't say: what could not be judged, and what would still be found."""
    return "\n".join(printable(line) for line in [*_not_analysed(checked), f"then {checked.accounting}"])


def _not_analysed(checked: Checked) -> list[str]:
    return [
        f"{problem.path}: {'' if problem.kind == 'config' else 'not analysed: '}{problem.message}"
        for problem in checked.problems
    ]


def printable(text: str) -> str:
    """`text` without control characters, so that a file under review can't drive the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def review_json(review: Review) -> str:
    """What the App would post, as JSON."""

    def mentions(found: Sequence[Mention]) -> list[dict[str, Any]]:
        return [
            {
                "path": m.path,
                "line": m.line,
                "rule": m.rule,
                "message": m.message,
                "severity": str(m.severity),
                "url": m.url,
            }
            for m in found
        ]

    body = {
        "body": review.body,
        "comments": [
            {
                "path": comment.path,
                "line": comment.line,
                "start_line": comment.start_line,
                "side": comment.side,
                "rule": comment.rule,
                "body": comment.body,
                "suggestion": comment.suggestion,
            }
            for comment in review.comments
        ],
        "beside": mentions(review.beside),
        "folded": mentions(review.folded),
        "suppressed": mentions(review.suppressed),
        "problems": [asdict(problem) for problem in review.problems],
        "accounting": asdict(review.accounting),
        "conclusion": str(review.check.conclusion),
        "check": {"title": review.check.title, "summary": review.check.summary},
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def review_text(review: Review) -> str:
    """What the App would post, for a terminal."""
    lines: list[str] = []
    for comment in review.comments:
        place = f"{comment.start_line}-{comment.line}" if comment.start_line else f"{comment.line}"
        lines += [f"── {comment.path}:{place}  {comment.rule}", *shown(comment.body), ""]
    if review.body:
        lines += ["── review", *shown(review.body), ""]
    lines += [
        f"── check run: {review.check.conclusion} · {review.check.title}",
        *shown(review.check.summary),
    ]
    return "\n".join(printable(line) for line in lines)


def shown(markdown: str) -> list[str]:
    """The lines of a comment or a review without its hidden markers, indented."""
    visible = "\n".join(line for line in markdown.split("\n") if not line.startswith("<!--")).strip()
    return [f"   {line}".rstrip() for line in visible.split("\n")]
