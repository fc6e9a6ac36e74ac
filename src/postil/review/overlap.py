"""Where two rules mean the same, the one that knows more speaks. A page says which: `instead-of: …`."""

from collections.abc import Iterable, Mapping, Sequence

from postil.review.model import Introduced


def said_once(
    found: Sequence[Introduced], besides: Iterable[Introduced], instead_of: Mapping[str, Sequence[str]]
) -> list[Introduced]:
    """The findings without those that others replace.

    `instead_of` gives, for the name of a rule, those whose findings its own replace. One is replaced where each line
    that it names, the related ones among them, has a finding of such a rule, be it in `found` or in `besides`.
    """
    taken: dict[str, set[tuple[str, int]]] = {}
    for finding in (each.finding for each in (*found, *besides)):
        for replaced in instead_of.get(finding.rule, ()):
            lines = range(finding.line, finding.end_line + 1)
            taken.setdefault(replaced, set()).update((finding.path, line) for line in lines)
    return [each for each in found if not _places(each) <= taken.get(each.finding.rule, set())]


def _places(each: Introduced) -> set[tuple[str, int]]:
    finding = each.finding
    return {(finding.path, finding.line), *((place.path, place.line) for place in finding.related)}
