"""`--format json`: what other programs read. Its shape is fixed."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from postil.packs import Guideline, Links
from postil.report.checked import Checked, document
from postil.review.model import Mention, Review


def of_check(checked: Checked, guideline: Guideline, links: Links) -> str:
    """One JSON object: `findings`, `problems` and `accounting`; lines and columns are 1-based."""
    findings = []
    for each in checked.shown:
        finding, rule = each.finding, guideline.rule(each.finding.rule)
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
                "fixable": each.suggestion is not None,
            }
        )
    accounting = {
        "found": checked.found,
        "shown": len(checked.shown),
        "suppressed": len(checked.allowed),
        "left_out": checked.left_out,
        "files": checked.files,
        "files_left_out": len(checked.skipped),
        "problems": len(checked.problems),
        "config": checked.config,
        "guideline": guideline.version,
    }
    body = {"findings": findings, "problems": [asdict(p) for p in checked.problems], "accounting": accounting}
    return document(body)


def of_rules(guideline: Guideline, links: Links) -> str:
    """All rules of the guideline as a JSON list, chapter by chapter."""
    rules = [
        {
            "rule": rule.name,
            "title": rule.title,
            "chapter": rule.chapter,
            "section": rule.section,
            "severity": str(rule.severity),
            "opt_in": rule.opt_in,
            "aliases": list(rule.page.aliases),
            "url": links.rule(rule.chapter, rule.name),
        }
        for rule in guideline.rules.rules
    ]
    return document(rules)


def of_review(review: Review) -> str:
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
    return document(body)
