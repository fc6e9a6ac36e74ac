"""Finds retries of answers that say that the request itself is wrong."""

import re

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, argument
from postil.lint.catalogue.retries import RETRY_OF_URLLIB3, STATUS_ERRORS
from postil.lint.names import dotted
from postil.lint.retries import Retry, filter_parts, listed
from postil.lint.tree import walk, walk_scope

MENTIONS = ("tenacity", "stamina", "backoff", "Retry", "status_code", "raise_for_status")

# 408 and 425 ask for another attempt, 429 for a later one; 409 and 423 pass when somebody else is done.
_MAY_PASS = frozenset({408, 409, 421, 423, 425, 429})
_STATUS = re.compile(r"^(status|status_code|code|http_status)$")
# Attributes that tell what the client did wrong from what the server did.
_SIDES = frozenset({"is_client_error", "is_server_error"})


def check(file: SourceFile) -> Notes:
    for retry in file.retries:
        yield from _by_exception(retry, file)
    if file.mentions("Retry"):
        for call in file.nodes(cst.Call):
            last = file.called(call)
            if last == "Retry" and file.name_of(call.func) in RETRY_OF_URLLIB3 and not file.in_test(call):
                yield from _of_urllib3(call, file)
    if file.mentions("status_code"):
        yield from _by_hand(file)


def _by_exception(retry: Retry, file: SourceFile) -> Notes:
    if retry.body is None or "giveup" in retry.options or not file.mentions("raise_for_status"):
        return
    parts = list(filter_parts(retry, file))
    if len(parts) != 1 or parts[0] is None:
        return
    body = list(walk_scope(retry.body))
    if retry.function is not None:
        helpers = file.calls.reached(retry.function)[1:]
        body += [node for helper in helpers for node in walk_scope(helper.body)]
    raising = next((node for node in body if isinstance(node, cst.Call) and _raises_for_status(node)), None)
    if raising is None or _looks_at_status(body):
        return
    for caught in listed(parts[0], file):
        name = file.name_of(caught)
        if name in STATUS_ERRORS and not file.in_test(retry.function or retry.place):
            what = f"`{retry.function.name.value}`" if retry.function is not None else "this"
            yield Note(
                caught,
                f"`{file.code(caught)}` covers 400 to 499 as well, so {what} is tried again on wrong requests",
                secondary=(Secondary(raising, "every status from 400 on is raised here"),),
            )


def _raises_for_status(call: cst.Call) -> bool:
    """`response.raise_for_status()`, and aiohttp's `session.get(url, raise_for_status=True)`."""
    if isinstance(call.func, cst.Attribute) and call.func.attr.value == "raise_for_status":
        return True
    asked = argument(call, "raise_for_status")
    return asked is not None and dotted(asked) == "True"


def _looks_at_status(body: list[cst.CSTNode]) -> bool:
    """Whether the code that is tried again tells one status from another itself."""
    for node in body:
        if isinstance(node, cst.Attribute) and node.attr.value in _SIDES:
            return True
        if isinstance(node, (cst.Comparison, cst.Match)):
            for part in walk(node):
                if isinstance(part, (cst.Attribute, cst.Name)) and _STATUS.match(
                    (dotted(part) or "").rpartition(".")[2]
                ):
                    return True
    return False


def _of_urllib3(call: cst.Call, file: SourceFile) -> Notes:
    given = argument(call, "status_forcelist", 7)
    given = (file.value_of(given) or given) if given is not None else None
    if isinstance(given, cst.Call) and dotted(given.func) in ("list", "tuple", "set", "frozenset") and given.args:
        given = given.args[0].value
    if isinstance(given, cst.Call) and dotted(given.func) == "range" and len(given.args) == 2:
        first = given.args[0].value
        if isinstance(first, cst.Integer) and 400 <= first.evaluated_value < 428:
            yield Note(
                first, f"`status_forcelist` asks again after all statuses from {first.value} on, most of which stay"
            )
    if isinstance(given, (cst.List, cst.Tuple, cst.Set)):
        numbers = [each.value for each in given.elements if isinstance(each.value, cst.Integer)]
        wrong = [
            each for each in numbers if 400 <= each.evaluated_value < 500 and each.evaluated_value not in _MAY_PASS
        ]
        if wrong:
            listing = ", ".join(str(each.evaluated_value) for each in wrong)
            yield Note(wrong[0], f"`status_forcelist` asks again after {listing}, which stays what it is")
    for keyword in ("allowed_methods", "method_whitelist"):
        methods = argument(call, keyword)
        if methods is not None and dotted(methods) in ("None", "False"):
            yield Note(methods, f"`{keyword}={dotted(methods)}` sends POST again as well, which may do its work twice")


def _by_hand(file: SourceFile) -> Notes:
    """`if response.status_code >= 400: continue` in a loop that sleeps."""
    for branch in file.nodes(cst.If):
        test = branch.test
        if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
            continue
        left, target = test.left, test.comparisons[0]
        if not isinstance(left, cst.Attribute) or not _STATUS.match(left.attr.value):
            continue
        if not isinstance(target.operator, cst.GreaterThanEqual) or not isinstance(target.comparator, cst.Integer):
            continue
        if target.comparator.evaluated_value != 400 or not _sleeps_and_continues(branch, file):
            continue
        if not file.in_test(branch):
            yield Note(
                test, f"`{file.code(test)}` asks again on every status from 400 on, also when the request is wrong"
            )


def _sleeps_and_continues(branch: cst.If, file: SourceFile) -> bool:
    """Whether a branch pauses and goes round again, and is not the last of several that look at the status."""
    inside = list(walk_scope(branch.body))
    if not any(isinstance(node, cst.Continue) for node in inside):
        return False
    above = file.parent(branch)
    if isinstance(above, cst.If):
        return False
    return any(isinstance(node, cst.Call) and (dotted(node.func) or "").endswith("sleep") for node in inside)
