"""Finds allowances that name no rule, or one that doesn't exist, and so allow nothing."""

from postil.lint import Allowance, Fix, FixKind, Note, Notes


def check(allowance: Allowance) -> Notes:
    if not allowance.rules:
        yield Note(allowance.place, "this names no rule, so it allows nothing")
    for each in allowance.rules:
        if each.rule is None:
            fix = Fix.replace(each.place, each.nearest, FixKind.SUGGESTION) if each.nearest else None
            meant = f"; did you mean `{each.nearest}`?" if each.nearest else ", so it allows nothing"
            yield Note(each.place, f"there is no rule `{each.place.code}`{meant}", fix)
