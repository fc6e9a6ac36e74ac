"""Answers of other services over HTTP, and what a function does with them."""

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from postil.lint.names import dotted
from postil.lint.source import SourceFile
from postil.lint.tree import walk

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
_LIBRARIES = ("requests", "requests.api", "httpx", "httpx2")
_FUNCTIONS = frozenset(f"{library}.{verb}" for library in _LIBRARIES for verb in _VERBS)
_CLIENTS = frozenset(
    {"requests.Session", "requests.sessions.Session", "httpx.Client", "httpx.AsyncClient", "httpx2.Client",
     "httpx2.AsyncClient", "aiohttp.ClientSession", "aiohttp.client.ClientSession"}
)  # fmt: skip
_ANSWERS = frozenset(
    {"requests.Response", "requests.models.Response", "httpx.Response", "httpx2.Response", "aiohttp.ClientResponse"}
)  # fmt: skip
MENTIONS = ("requests", "httpx", "aiohttp")
"""Without one of these words a file fetches nothing that is known here."""


@dataclass(frozen=True, eq=False)
class Fetched:
    """One answer: the `call` that asks for it, what that is called in a sentence, and where the answer is used.

    `statement` assigns it to a name; None where it is used at once, or is what a `with` enters. `checked` where its
    status was looked at before that: `client.get(…).raise_for_status()`, which gives the answer in httpx; or may have
    been, in a function of the file that says it gives an answer.
    """

    call: cst.Call
    by: str
    uses: tuple[cst.CSTNode, ...]
    statement: cst.Assign | cst.AnnAssign | None
    checked: bool = False

    def bodies(self, file: SourceFile) -> Iterator[cst.CSTNode]:
        """Where its JSON is made: `answer.json()`, awaited or not, and `json.loads(answer.text)`."""
        for use in self.uses:
            above = file.parent(_past_check(use, file))
            if not isinstance(above, cst.Attribute):
                continue
            called = file.parent(above)
            if isinstance(called, cst.Call) and called.func is above and above.attr.value == "json":
                waited = file.parent(called)
                yield waited if isinstance(waited, cst.Await) else called
            elif above.attr.value in ("text", "content") and isinstance(called, cst.Arg):
                loads = file.parent(called)
                if isinstance(loads, cst.Call) and file.name_of(loads.func) in ("json.loads", "orjson.loads"):
                    yield loads


def fetched(file: SourceFile) -> Iterator[Fetched]:
    """The answers that a file's functions fetch by requests, httpx or aiohttp, as far as it shows."""
    for call in file.nodes(cst.Call):
        by = _asks(call, file)
        wrapped = by is None and _wraps(call, file)
        by = f"`{dotted(call.func)}`" if wrapped else by
        if by is None:
            continue
        value: cst.CSTNode = call
        above = file.parent(call)
        if isinstance(above, cst.Await):
            value, above = above, file.parent(above)
        answer = _past_check(value, file)
        checked, above = wrapped or answer is not value, file.parent(answer)
        if isinstance(above, cst.Attribute):
            yield Fetched(call, by, (answer,), None, checked)
            continue
        name, statement = None, None
        if isinstance(above, (cst.Assign, cst.AnnAssign)):
            name, statement = given_to(above), above
        elif isinstance(above, cst.WithItem) and above.asname is not None:
            name = above.asname.name
        function = file.enclosing_function(call)
        if isinstance(name, cst.Name) and function is not None:
            yield Fetched(call, by, tuple(uses(name, function, file)), statement, checked)


def _past_check(answer: cst.CSTNode, file: SourceFile) -> cst.CSTNode:
    """The answer that `raise_for_status()` gives back, where it is called on one here."""
    above = file.parent(answer)
    if isinstance(above, cst.Attribute) and above.value is answer and above.attr.value == "raise_for_status":
        called = file.parent(above)
        if isinstance(called, cst.Call) and called.func is above:
            return called
    return answer


def given_to(statement: cst.Assign | cst.AnnAssign) -> cst.Name | None:
    """The one plain name that an assignment binds, with a type or without."""
    target = statement.target if isinstance(statement, cst.AnnAssign) else statement.targets[0].target
    several = isinstance(statement, cst.Assign) and len(statement.targets) > 1
    return target if isinstance(target, cst.Name) and not several else None


def _asks(call: cst.Call, file: SourceFile) -> str | None:
    func = call.func
    last = func.attr if isinstance(func, cst.Attribute) else func
    if not isinstance(last, cst.Name) or last.value not in _VERBS:
        return None
    name = file.name_of(func)
    if name is not None:
        return f"`{name}`" if name in _FUNCTIONS else None
    if not isinstance(func, cst.Attribute) or file.type_of(func.value) not in _CLIENTS:
        return None
    written = dotted(func)
    return f"`{written}`" if written is not None else None


def _wraps(call: cst.Call, file: SourceFile) -> bool:
    """Whether a call is of a function here that says it gives an answer: `async def _get(self) -> httpx.Response`."""
    function = file.definition_of(call.func) if isinstance(call.func, (cst.Name, cst.Attribute)) else None
    if not isinstance(function, cst.FunctionDef) or function.returns is None:
        return False
    return file.annotated_type(function.returns.annotation) in _ANSWERS and dotted(call.func) is not None


def uses(name: cst.Name, function: cst.FunctionDef | cst.Lambda, file: SourceFile) -> Iterator[cst.Name]:
    """Where a name is used after it was bound here, and before it is bound again, in the order of the text."""
    bound: cst.CSTNode | None = None
    for node in walk(function.body):
        if not isinstance(node, cst.Name) or node.value != name.value:
            continue
        above = file.parent(node)
        if isinstance(above, (cst.AssignTarget, cst.AsName)) or getattr(above, "target", None) is node:
            bound = node
        elif getattr(above, "attr", None) is node or getattr(above, "keyword", None) is node:
            continue
        elif bound is name:
            yield node
