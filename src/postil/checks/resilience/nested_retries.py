"""Finds retries around retries, whose attempts multiply."""

from collections.abc import Iterator

import libcst as cst

from postil.lint import Note, Notes, Secondary, SourceFile, argument
from postil.lint.around import tries_around
from postil.lint.names import dotted
from postil.lint.retries import Retry, attempts_of, filter_of, filter_parts, listed
from postil.lint.tree import walk_scope

MENTIONS = ("tenacity", "stamina", "backoff", "retrying")

# The option by which a client tries again itself, and where it stands.
_OWN_RETRIES = frozenset({"max_retries", "retries"})


def check(file: SourceFile) -> Notes:
    retried = {id(retry.function): retry for retry in file.retries if retry.function is not None}
    for retry in file.retries:
        if retry.body is None or file.in_test(retry.function or retry.place):
            continue
        found = next(_inner(retry, retried, file), None)
        if found is None:
            continue
        inner, links = found
        attempts = _multiplied(retry, inner, file)
        what = (
            f"`{inner.function.name.value}`" if isinstance(inner, Retry) and inner.function is not None else "a client"
        )
        around = f"`{retry.function.name.value}`" if retry.function is not None else "this block"
        yield Note(
            retry.place,
            f"{around} is tried again around {what}, which tries again itself{attempts}",
            secondary=links,
        )


def _inner(
    retry: Retry, retried: dict[int, Retry], file: SourceFile
) -> Iterator[tuple[Retry | cst.Call, tuple[Secondary, ...]]]:
    """The retries inside of a retry, each with the calls that lead to it."""
    if retry.body is None:
        return
    queue: list[tuple[cst.CSTNode, tuple[Secondary, ...]]] = [(retry.body, ())]
    seen: set[int] = set()
    for body, links in queue:
        for node in walk_scope(body):
            if not isinstance(node, cst.Call) or _is_caught(node, body, file):
                continue
            client = _own_retries(node, file)
            if client is not None:
                yield client, (*links, Secondary(node, "called here"), Secondary(client, "it tries again itself"))
            called = file.definition_of(node.func)
            if not isinstance(called, cst.FunctionDef) or id(called) in seen or called is retry.function:
                continue
            seen.add(id(called))
            chain = (*links, Secondary(node, "called here"))
            inner = retried.get(id(called))
            if inner is not None:
                if not _are_disjoint(retry, inner, file):
                    yield inner, (*chain, Secondary(inner.place, "tried again here"))
            elif len(links) < 4:
                queue.append((called.body, chain))


def _is_caught(call: cst.Call, body: cst.CSTNode, file: SourceFile) -> bool:
    """Whether a failure of a call ends inside of `body`, so that nothing around it is tried again for it."""
    return any(
        file.is_broad(handler) and not any(isinstance(node, cst.Raise) for node in walk_scope(handler.body))
        for tried in tries_around(call, body, file)
        for handler in tried.handlers
    )


def _own_retries(call: cst.Call, file: SourceFile) -> cst.Call | None:
    """Where the client that a call goes to was told to try again: `OpenAI(max_retries=5)`."""
    if not isinstance(call.func, cst.Attribute):
        return None
    owner: cst.BaseExpression = call.func.value
    while (
        isinstance(owner, cst.Attribute) and dotted(owner.value) not in ("self", "cls") and file.value_of(owner) is None
    ):
        owner = owner.value
    made = file.value_of(owner)
    if not isinstance(made, cst.Call):
        return None
    for arg in made.args:
        if arg.keyword is None:
            continue
        if arg.keyword.value in _OWN_RETRIES and not _is_none(arg.value) and file.name_of(made.func) is not None:
            return made
        if arg.keyword.value == "transport":
            transport = file.value_of(arg.value) or arg.value
            if isinstance(transport, cst.Call) and any(
                inner.keyword is not None and inner.keyword.value == "retries" and not _is_none(inner.value)
                for inner in transport.args
            ):
                return made
    return _mounted(made, file)


def _mounted(session: cst.Call, file: SourceFile) -> cst.Call | None:
    """The adapter that a session of requests was given, if it tries again: `session.mount(…, HTTPAdapter(…))`."""
    if file.name_of(session.func) not in ("requests.Session", "requests.session"):
        return None
    for call in file.nodes(cst.Call):
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "mount" or len(call.args) != 2:
            continue
        adapter = file.value_of(call.args[1].value) or call.args[1].value
        if not isinstance(adapter, cst.Call) or file.value_of(call.func.value) is not session:
            continue
        retries = argument(adapter, "max_retries")
        if retries is not None and not _is_none(retries):
            return adapter
    return None


def _is_none(value: cst.BaseExpression) -> bool:
    return dotted(value) in ("None", "False") or (isinstance(value, cst.Integer) and value.evaluated_value == 0)


def _are_disjoint(outer: Retry, inner: Retry, file: SourceFile) -> bool:
    """Whether both say what they wait for, and it is not the same; or one doesn't wait for exceptions at all."""
    named = []
    for retry in (outer, inner):
        if filter_of(retry) is None:
            return False
        parts = list(filter_parts(retry, file))
        if not parts or any(part is None for part in parts):
            return True
        named.append({file.code(each) for part in parts if part is not None for each in listed(part, file)})
    broad = {"Exception", "BaseException"}
    return not (named[0] & named[1] or broad & (named[0] | named[1]))


def _multiplied(outer: Retry, inner: Retry | cst.Call, file: SourceFile) -> str:
    """`, 3 times 5 attempts` where both numbers are there to read."""
    counts = [attempts_of(outer, file), attempts_of(inner, file) if isinstance(inner, Retry) else None]
    return f", {counts[0]} times {counts[1]} attempts" if all(counts) else ""
