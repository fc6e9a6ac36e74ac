"""Finds allowances that silence nothing."""

from postil.lint import Allowance, Fix, Note, Notes


def check(allowance: Allowance) -> Notes:
    for each in allowance.rules:
        if each.silences is False:
            fix = Fix.replace(allowance.without(each), "")
            yield Note(each.place, f"`{each.place.code}` finds nothing here that would need an allowance", fix)
