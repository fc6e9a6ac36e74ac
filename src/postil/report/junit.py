"""`--format junit`: JUnit's XML, for CI systems that show tests and know nothing of linters.

There is no standard; this is the part that Jenkins, GitLab and Azure read alike:
https://github.com/testmoapp/junitxml.
"""

from collections import defaultdict
from xml.etree import ElementTree as ET

from postil.report.checked import Checked, printable, said
from postil.review.model import Introduced


def of_check(checked: Checked) -> str:
    """One suite a file, one case a finding; a file without a verdict is in error. What doesn't fail the check passes.

    What allowances silence is skipped, with the reason. Where nothing was found one case passes, since a report
    without any is taken for a broken one.
    """
    by_path: defaultdict[str, list[ET.Element]] = defaultdict(list)
    for each in (*checked.shown, *checked.allowed):
        by_path[each.finding.path].append(_case(each, checked))
    for problem in checked.problems:
        case = _element("testcase", name=problem.kind, classname=problem.path, file=problem.path)
        case.append(_element("error", message=said(problem), type=problem.kind))
        by_path[problem.path].append(case)
    if not by_path:
        by_path["postil"].append(_element("testcase", name="no findings", classname="postil"))
    root = _counted(_element("testsuites", name="postil"), [case for cases in by_path.values() for case in cases])
    for path, cases in sorted(by_path.items()):
        suite = _counted(_element("testsuite", name=path), cases)
        suite.extend(cases)
        root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}'


def _case(each: Introduced, checked: Checked) -> ET.Element:
    finding = each.finding
    where = f"{finding.path}:{finding.line}:{finding.column}"
    # Systems take two cases of one class and name for one, so the line is part of the name.
    name = f"{finding.rule} at {finding.line}:{finding.column}"
    case = _element("testcase", name=name, classname=finding.path, file=finding.path, line=str(finding.line))
    said_here = f"{where}: {finding.severity}: {finding.message}"
    if finding.allowed is not None:
        case.append(_element("skipped", message=finding.allowed or "allowed without a reason"))
    elif checked.fails(finding):
        failure = _element("failure", message=finding.message, type=str(finding.severity))
        failure.text = printable(said_here)
        case.append(failure)
    else:
        out = _element("system-out")
        out.text = printable(said_here)
        case.append(out)
    return case


def _element(tag: str, **attributes: str) -> ET.Element:
    """An element. XML has no place for control characters, not even escaped."""
    return ET.Element(tag, {name: printable(value) for name, value in attributes.items()})


def _counted(element: ET.Element, cases: list[ET.Element]) -> ET.Element:
    element.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(tag) is not None for case in cases)))
    return element
