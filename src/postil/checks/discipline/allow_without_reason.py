"""Finds allowances that don't say why."""

from postil.lint import Allowance, Note, Notes


def check(allowance: Allowance) -> Notes:
    if allowance.rules and not allowance.reason:
        names = " and ".join(f"`{each.place.code}`" for each in allowance.rules)
        yield Note(allowance.place, f"nothing behind `--` says why {names} may stand here")
