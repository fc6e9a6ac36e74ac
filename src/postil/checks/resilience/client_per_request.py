"""Finds clients that are made for each request, with a pool of connections that serves one of them."""

import re

import libcst as cst

from postil.lint import Note, Notes, SourceFile
from postil.lint.around import is_repeated, tries_around
from postil.lint.catalogue.clients import ENGINES, POOLED_CLIENTS
from postil.lint.injected import lending
from postil.lint.names import dotted, parameters
from postil.lint.tree import walk, walk_scope

MENTIONS = tuple(sorted({name.partition(".")[0] for name in POOLED_CLIENTS}))

_LAST = frozenset(name.rpartition(".")[2] for name in POOLED_CLIENTS)
# Options that are the same for every call, whatever stands there.
_INDIFFERENT = frozenset({"timeout", "limits", "follow_redirects", "http2", "max_retries", "decode_responses"})
_TRANSPORT = re.compile(r"transport|Mock|NullPool|StaticPool", re.IGNORECASE)
# What has to have its own: one that is tried out, that guards against what it is sent to, that is a login.
_OWN = re.compile(
    r"(?:^|_)(?:ssrf|safe\w*|guard\w*|isolat\w*|validat\w*|verif\w*|check(?:s|er|ing)?|tests?|testing|probe\w*|health\w*"
    r"|login|o?auth\w*|tokens?|credentials?|set_?up\w*|install\w*|connect\w*|init\w*|factory"
    r"|(?:create|make|build)_(?:client|engine|session))(?:_|$)",
    re.IGNORECASE,
)
# Where a client of HTTP goes to another host each time, its pool serves nobody.
_ELSEWHERE = re.compile(
    r"from_(?:url|link)|webhook|download|proxy|fetch_(?:url|page|content)|scrape|crawl", re.IGNORECASE
)
_OF_HTTP = ("httpx", "httpx2", "requests", "aiohttp", "urllib3")
# What FastAPI gives a dependency anew for each request, and is the same each time: the settings of the service, and not
# those of somebody.
_SETTINGS = re.compile(
    r"(?:^|\.)(?!(?:Tenant|User|Customer|Client|Account|Org|Project|Shop|Workspace|Team|Site))"
    r"(?:\w*Settings|(?:App|Api|API|Service)?Config)(?:Dep)?$"
)
_CACHES = re.compile(r"cache|singleton|once|memo")


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    last = file.called(call)
    if last not in _LAST:
        return
    name = file.name_of(func)
    if name not in POOLED_CLIENTS or not file.is_service or file.is_command:
        return
    function = file.enclosing_def(call)
    if function is None or file.is_startup(call):
        return
    handler = file.served_by(call) or file.calls.left_by(function)
    if handler is None and lending(function, file) is not None:
        handler = function
    # What a dependency hands to the endpoint, or keeps in an object of its own, goes with the request.
    if _differs(call, handler, file) or _is_kept(call, function, file, hands_on=handler is not function):
        return
    maker = file.known_as(function)
    if _OWN.search(maker) or (name.partition(".")[0] in _OF_HTTP and _ELSEWHERE.search(maker)):
        return
    if any(_CACHES.search(_named(each)) for each in function.decorators):
        return
    article = "an" if name.startswith(("aiohttp", "elasticsearch", "httpx", "openai")) else "a"
    what = "an engine" if name in ENGINES else f"{article} `{name}`"
    if handler is not None:
        serving = f"for each call of `{file.known_as(handler)}`"
        yield Note(call, f"`{maker}` makes {what} and its connections {serving}")
    elif is_repeated(call, file) and not _is_tried_again(call, file):
        yield Note(call, f"{what} and its connections are made anew in each round of this loop")


def _is_tried_again(call: cst.Call, file: SourceFile) -> bool:
    """Whether a failure alone makes another round: what is tried ends the loop."""
    ways_out = (cst.Return, cst.Break)
    return any(
        isinstance(node, ways_out) for tried in tries_around(call, None, file) for node in walk_scope(tried.body)
    )


def _named(decorator: cst.Decorator) -> str:
    made = decorator.decorator
    return dotted(made.func if isinstance(made, cst.Call) else made) or ""


def _is_kept(call: cst.Call, function: cst.FunctionDef, file: SourceFile, *, hands_on: bool) -> bool:
    """Whether a client outlives the call, or is none that others could share: stored, given away, changed.

    `hands_on` says that whoever gets the function's result may keep it.
    """
    for above in file.ancestors(call):
        if isinstance(above, (cst.Return, cst.Yield)):
            return hands_on
        if isinstance(above, cst.Assign):
            names = [each.target.value for each in above.targets if isinstance(each.target, cst.Name)]
            # What FastAPI makes for one request keeps it no longer than that.
            is_made = not hands_on and function.name.value == "__init__"
            own = [each for each in above.targets if is_made and _is_of_self(each.target)]
            others = len(above.targets) - len(names) - len(own)
            return others > 0 or any(_is_given_away(name, function, hands_on) for name in names)
        if isinstance(above, cst.WithItem):
            name = above.asname.name if above.asname is not None else None
            return isinstance(name, cst.Name) and _is_given_away(name.value, function, hands_on, closed=True)
        if isinstance(above, (cst.SimpleStatementLine, cst.FunctionDef)):
            return False
        if isinstance(above, (cst.Arg, cst.Lambda)) and above is not call:
            # Handed to something else, which may keep it.
            return True
    return False


def _is_of_self(target: cst.BaseExpression) -> bool:
    return isinstance(target, cst.Attribute) and dotted(target.value) == "self"


def _is_given_away(name: str, function: cst.FunctionDef, hands_on: bool, *, closed: bool = False) -> bool:
    """Whether a name is global, returned, stored or handed on, or the client under it is set up further.

    `closed` says that the client is closed at the end of a `with`, so that nothing it is handed to can keep it.
    """
    for node in walk(function.body):
        if isinstance(node, (cst.Global, cst.Nonlocal)) and any(item.name.value == name for item in node.names):
            return True
        if isinstance(node, cst.AssignTarget) and isinstance(node.target, cst.Attribute):
            if dotted(node.target.value) == name:
                return True
            continue
        if isinstance(node, (cst.Return, cst.Yield)) and not hands_on:
            continue
        if isinstance(node, cst.Arg) and closed:
            continue
        if isinstance(node, (cst.Return, cst.Yield, cst.Arg, cst.Assign)):
            only_named = isinstance(node, cst.Assign) and all(
                isinstance(each.target, cst.Name) for each in node.targets
            )
            if isinstance(node.value, cst.Name) and node.value.value == name and not only_named:
                return True
    return False


def _differs(call: cst.Call, handler: cst.FunctionDef | None, file: SourceFile) -> bool:
    """Whether what a client is made of may differ from call to call: it names a parameter or another local value."""
    given = parameters(handler) if handler is not None and handler is file.enclosing_def(call) else ()
    same = {param.name.value for param in given if _is_settings(param, file)}
    for arg in call.args:
        if arg.star:
            return True
        if arg.keyword is not None and arg.keyword.value in _INDIFFERENT:
            continue
        if _TRANSPORT.search(file.code(arg)):
            return True
        for node in walk(arg.value):
            if isinstance(node, cst.Name) and file.is_local(node) and node.value not in same:
                return True
    return False


def _is_settings(param: cst.Param, file: SourceFile) -> bool:
    """Whether a handler is given the service's settings under a parameter."""
    kind = file.annotated_type(param.annotation.annotation) if param.annotation is not None else None
    return kind is not None and _SETTINGS.search(kind) is not None
