"""`--format text` and `--format concise`: for people at a terminal, and for editors that read one line a finding."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from postil.lint.finding import Finding
from postil.packs import Guideline
from postil.report.checked import Checked, printable, said
from postil.review.compose import counted
from postil.review.model import Introduced

_CONTEXT = 2
"""Lines of code shown above and below what was found."""
_LONGEST = 8
"""What spans more lines than this is shown by its first ones."""
_WIDTH = 160
"""Characters of a line that are shown, of those around the place."""
_SGR = {
    "error": "1;31",
    "warning": "1;33",
    "hint": "1;36",
    "bold": "1",
    "frame": "1;34",
    "fixable": "36",
    "dim": "2",
}
"""Styles as "select graphic rendition" parameters (ECMA-48, 8.3.117)."""


@dataclass(frozen=True, slots=True)
class Paint:
    """Writes words in a style, or plainly where there is no `colour`."""

    colour: bool = False

    def __call__(self, style: str, text: str) -> str:
        """`text` in one of the styles."""
        return f"\x1b[{_SGR[style]}m{text}\x1b[0m" if self.colour and text else text


def full(checked: Checked, guideline: Guideline, sources: Mapping[str, str], paint: Paint) -> Iterator[str]:
    """Each finding with its code and its cure. `sources` are texts by path."""
    lines = {path: text.split("\n") for path, text in sources.items()}
    for each in checked.shown:
        yield from _finding(each, guideline, lines.get(each.finding.path, []), paint)
        yield ""


def concise(checked: Checked, paint: Paint) -> Iterator[str]:
    """`path:line:column: severity: message [rule]`, which editors know from compilers."""
    for each in checked.shown:
        finding = each.finding
        where = f"{printable(finding.path)}:{finding.line}:{finding.column}"
        severity = paint(str(finding.severity), str(finding.severity))
        mark = f" {paint('fixable', '(fixable)')}" if each.suggestion is not None else ""
        yield f"{paint('bold', where)}: {severity}: {printable(finding.message)} [{finding.rule}]{mark}"


def problems(checked: Checked, paint: Paint) -> Iterator[str]:
    """What could not be judged, a line each."""
    for problem in checked.problems:
        yield f"{paint('bold', printable(problem.path))}: {printable(said(problem))}"


def allowed(checked: Checked, paint: Paint) -> Iterator[str]:
    """What allowances silence, a line each with the reason."""
    for each in checked.allowed:
        finding = each.finding
        where = f"{printable(finding.path)}:{finding.line}:{finding.column}"
        reason = printable(finding.allowed or "") or "without a reason"
        yield f"{paint('bold', where)}: {paint('dim', 'allowed')}: {finding.rule}, {reason}"


def statistics(checked: Checked, guideline: Guideline, paint: Paint) -> Iterator[str]:
    """How much each rule found, the most first, and how much of it has a fix."""
    found = Counter(each.finding.rule for each in checked.shown)
    fixable = Counter(each.finding.rule for each in checked.shown if each.suggestion is not None)
    width = max((len(str(number)) for number in found.values()), default=0)
    longest = max(map(len, found), default=0)
    for name, number in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        rule = guideline.rule(name)
        mark = f" {paint('fixable', f'({fixable[name]} fixable)')}" if fixable[name] else ""
        yield f"{number:>{width}}  {paint('bold', f'{name:<{longest}}')}  {rule.title if rule else ''}{mark}"


def summary(checked: Checked, paint: Paint) -> Iterator[str]:
    """The accounting, and what `--fix` can do."""
    yield printable(checked.accounting)
    if checked.fixable:
        yield paint("fixable", f"{checked.fixable} fixable with --fix; --diff shows what it would write.")


def beside_a_diff(checked: Checked) -> Iterator[str]:
    """What a diff of the fixes doesn't say: what could not be judged, and what would still be found."""
    yield from problems(checked, Paint())
    yield printable(f"then {checked.accounting}")


def watching(at: datetime, checked: Checked, paint: Paint) -> str:
    """The last line of each round of `--watch`."""
    found = counted(len(checked.shown), "finding")
    return f"{paint('bold', f'{at:%H:%M:%S} · {found}')} · watching for changes, Ctrl-C ends it"


def details(checked: Checked, seconds: float, known: int) -> Iterator[str]:
    """For `--verbose`: how long it took, how much was `known`, and what was left out, by name."""
    yield f"{counted(checked.files, 'file')} in {seconds:.1f} s; {counted(known, 'answer')} from the cache"
    yield printable(f"config {checked.config}, fails from {checked.threshold}")
    for each in sorted(checked.skipped, key=lambda each: each.path):
        yield printable(f"{each.path}: left out: {each.why}")


def _finding(each: Introduced, guideline: Guideline, lines: list[str], paint: Paint) -> Iterator[str]:
    finding = each.finding
    severity = paint(str(finding.severity), f"{finding.severity}[{finding.rule}]")
    yield f"{severity}: {paint('bold', printable(finding.message))}"
    last = min(finding.end_line, finding.line + _LONGEST - 1)
    margin = " " * len(str(last + _CONTEXT))
    where = f"{printable(finding.path)}:{finding.line}:{finding.column}"
    yield f"{margin}{paint('frame', '-->')} {where}"
    if 0 < finding.line <= len(lines):
        yield from _excerpt(finding, last, lines, margin, paint)
    for place in finding.related:
        yield f"{margin} {paint('frame', '=')} {printable(f'{place.path}:{place.line}: {place.text}')}"
    rule = guideline.rule(finding.rule)
    if rule is not None:
        mark = f" {paint('fixable', '(fixable)')}" if each.suggestion is not None else ""
        yield f"{margin} {paint('frame', '=')} {paint('bold', 'help')}: {rule.title}{mark}"


def _excerpt(finding: Finding, last: int, lines: list[str], margin: str, paint: Paint) -> Iterator[str]:
    """The lines around a finding with their numbers, and carets below what was found."""
    bar = paint("frame", "|")
    first, end = max(1, finding.line - _CONTEXT), min(len(lines), last + _CONTEXT)
    while first < finding.line and not lines[first - 1].strip():
        first += 1
    while end > last and not lines[end - 1].strip():
        end -= 1
    yield f"{margin} {bar}"
    for number in range(first, end + 1):
        line = lines[number - 1].removesuffix("\r")
        here = finding.line <= number <= last
        start = finding.column - 1 if number == finding.line else len(line) - len(line.lstrip())
        stop = finding.end_column - 1 if number == finding.end_line else len(line.rstrip())
        begin = max(0, start - _WIDTH // 4) if here and start > _WIDTH // 2 else 0
        shown = _plain(line[begin : begin + _WIDTH])
        yield f"{paint('frame', f'{number:>{len(margin)}}')} {bar} {shown}".rstrip()
        if here and line.strip():
            before = cell_len(_plain(line[begin:start]))
            carets = "^" * max(1, cell_len(_plain(line[start : min(stop, begin + _WIDTH)])))
            yield f"{margin} {bar} {' ' * before}{paint(str(finding.severity), carets)}"
    if last < finding.end_line:
        yield f"{margin} {bar} … down to line {finding.end_line}"
    yield f"{margin} {bar}"


def _plain(code: str) -> str:
    """Code as it is shown: tabs as four columns, whatever the terminal makes of them."""
    return printable(code.replace("\t", "    "))
