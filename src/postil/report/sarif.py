"""`--format sarif`: SARIF 2.1.0, as GitHub's code scanning and editors take it.

What code scanning reads of it, and its limits:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning.
"""

from typing import Any
from urllib.parse import quote

from postil.lint.finding import Severity
from postil.lint.rule import Rule
from postil.packs import Guideline, Links
from postil.report.checked import Checked, document, said
from postil.review.model import Introduced

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "note"}
_WEIGHT = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "recommendation"}
"""Code scanning's `problem.severity`."""
_LONGEST = 1024
"""Characters of a rule's descriptions that code scanning shows."""
MOST = 25_000
"""Results of a run that code scanning takes; it refuses a log with more, and shows the 5,000 gravest."""


def of_check(checked: Checked, guideline: Guideline, links: Links, version: str, *, allowed: bool = False) -> str:
    """A log with one run.

    With `allowed`, what allowances silence is among the results as suppressed. Code scanning takes no notice of
    suppressions, and opens an alert for each of these.

    Of more than `MOST` results the gravest are there, and a notification counts the others.
    """
    found = [*checked.shown, *(checked.allowed if allowed else ())]
    rest = max(0, len(found) - MOST)
    if rest:
        found = sorted(found, key=lambda each: -each.finding.severity.rank)[:MOST]
    names = sorted({each.finding.rule for each in found})
    rules = [_rule(rule, links) for name in names if (rule := guideline.rule(name))]
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    notifications: list[dict[str, Any]] = [
        {
            "level": "warning",
            "message": _message(said(problem)),
            **({"locations": [{"physicalLocation": _file(problem.path)}]} if problem.path else {}),
        }
        for problem in checked.problems
    ]
    if rest:
        left_out = f"{rest} more findings are left out, as code scanning takes {MOST:,} of a run"
        notifications.append({"level": "warning", "message": _message(left_out)})
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "Postil",
                        "version": version,
                        "properties": {"guideline": guideline.version},
                        "rules": rules,
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, places) for each in found],
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
            }
        ],
    }
    return document(log)


def _rule(rule: Rule, links: Links) -> dict[str, Any]:
    url = links.rule(rule.chapter, rule.name)
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title[:_LONGEST]},
        "fullDescription": {"text": rule.why[:_LONGEST]},
        "helpUri": url,
        "help": {"text": f"{rule.title}\n\n{rule.why}\n\n{url}", "markdown": rule.page.markdown},
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {"problem.severity": _WEIGHT[rule.severity], "tags": [rule.chapter, rule.section]},
    }


def _result(each: Introduced, places: dict[str, int]) -> dict[str, Any]:
    finding = each.finding
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVEL[finding.severity],
        "message": _message(finding.message),
        "locations": [
            {
                "physicalLocation": {
                    **_file(finding.path),
                    "region": _region(finding.line, finding.column, finding.end_line, finding.end_column),
                }
            }
        ],
        # The name under which code scanning looks for an identity. Without it its upload computes one from the lines.
        "partialFingerprints": {"primaryLocationLineHash": each.fingerprint},
    }
    if finding.rule in places:
        result["ruleIndex"] = places[finding.rule]
    if finding.related:
        result["relatedLocations"] = [
            {
                "message": _message(place.text),
                "physicalLocation": {**_file(place.path), "region": {"startLine": place.line}},
            }
            for place in finding.related
        ]
    if each.suggestion is not None:
        replacements = [
            {
                "deletedRegion": _region(edit.line, edit.column, edit.end_line, edit.end_column),
                "insertedContent": {"text": edit.text},
            }
            for edit in finding.edits
        ]
        result["fixes"] = [{"artifactChanges": [{**_file(finding.path), "replacements": replacements}]}]
    if finding.allowed is not None:
        reason = {"justification": finding.allowed} if finding.allowed else {}
        result["suppressions"] = [{"kind": "inSource", **reason}]
    return result


def _message(text: str) -> dict[str, str]:
    """Words in which a brace begins no placeholder (SARIF 2.1.0, 3.11.5)."""
    return {"text": text.replace("{", "{{").replace("}", "}}")}


def _region(line: int, column: int, end_line: int, end_column: int) -> dict[str, int]:
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _file(path: str) -> dict[str, Any]:
    """A file by its address, in which nothing but a slash separates; relative to where the command ran."""
    address = quote(path, errors="surrogateescape")
    if path.startswith("/"):
        return {"artifactLocation": {"uri": f"file://{address}"}}
    return {"artifactLocation": {"uri": address, "uriBaseId": "%SRCROOT%"}}
