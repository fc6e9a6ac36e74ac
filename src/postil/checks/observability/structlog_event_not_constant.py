"""Finds structlog events that are put together at run time."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import Fix, FixKind, Note, Notes, SourceFile, argument, string_value
from postil.lint.catalogue.loggers import STRUCTLOG_LOGGERS
from postil.lint.names import dotted
from postil.lint.tree import walk

_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "msg"})
_METHODS = _LEVELS | {f"a{level}" for level in _LEVELS}
_TAKEN = frozenset({"event", "level", "timestamp", "logger", "exc_info", "stack_info", "self", "name"})
_EXCEPTIONS = frozenset({"e", "ex", "exc", "err"})
_MAX_LENGTH = 80  # a longer event was a sentence, and what is left of it reads badly


def check(call: cst.Call, file: SourceFile) -> Notes:
    func = call.func
    if not isinstance(func, cst.Attribute):
        return
    method = func.attr.value
    if method in _METHODS:
        event = argument(call, "event", 0)
    elif method in ("log", "alog"):
        event = argument(call, "event", 1)
    else:
        return
    how = _put_together(event, file) if event is not None else None
    if event is None or how is None or file.type_of(func.value) not in STRUCTLOG_LOGGERS:
        return
    yield Note(event, f"the event is {how}, so every value makes an event of its own", fix=_fix(call, event, file))


def _put_together(event: cst.BaseExpression, file: SourceFile) -> str | None:
    """How an event is put together from values; None when it is constant, or made elsewhere."""
    match event:
        case cst.FormattedString() | cst.ConcatenatedString():
            holes = [node for node in walk(event) if isinstance(node, cst.FormattedStringExpression)]
            if not all(_is_constant(hole.expression, file) for hole in holes):
                return "an f-string"
        case cst.BinaryOperation(operator=cst.Modulo(), left=left) if _is_text(left):
            return "formatted with `%`"
        case cst.Call(func=cst.Attribute(value=text, attr=cst.Name(value="format"))) if _is_text(text):
            return "made by `format`"
        case cst.BinaryOperation(operator=cst.Add()):
            parts = list(_added(event))
            constant = [_is_constant(part, file) for part in parts]
            if any(map(_is_text, parts)) and not all(constant):
                return "added up with `+`"
    return None


def _is_constant(part: cst.BaseExpression, file: SourceFile) -> bool:
    """Whether a part of an event is the same each time: a text, or the name of one in this file."""
    if isinstance(part, cst.Name):
        return string_value(file.value_of(part)) is not None
    return _is_text(part) and _put_together(part, file) is None


def _is_text(expression: cst.BaseExpression) -> bool:
    return isinstance(expression, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString))


def _added(expression: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(expression, cst.BinaryOperation) and isinstance(expression.operator, cst.Add):
        yield from _added(expression.left)
        yield from _added(expression.right)
    else:
        yield expression


def _fix(call: cst.Call, event: cst.BaseExpression, file: SourceFile) -> Fix | None:
    """The values of an f-string as keywords, where each is a plain name and what is left of the text reads well."""
    positional = [arg for arg in call.args if arg.keyword is None]
    if any(arg.star for arg in call.args) or [arg.value for arg in positional] != [event] or event.lpar:
        return None
    given = {arg.keyword.value: file.code(arg.value) for arg in call.args if arg.keyword is not None}
    text = ""
    values: dict[str, str] = {}
    for piece in _pieces(event):
        if isinstance(piece, str):
            text += piece
            continue
        name = _keyword(piece)
        if name is None or name in _TAKEN or not isinstance(piece, cst.FormattedStringExpression):
            return None
        code = file.code(piece.expression)
        if given.get(name, code) != code or values.setdefault(name, code) != code:
            return None
        text += _GAP
    left = _without_gaps(text)
    if left is None or not values:
        return None
    keywords = "".join(f", {name}={code}" for name, code in values.items() if name not in given)
    simple = all(name == code for name, code in values.items())
    return Fix.replace(event, f'"{left}"{keywords}', FixKind.SAFE if simple else FixKind.SUGGESTION)


_GAP = "\0"
_ODD_GAP = re.compile(r"[^\s(\[<'=:]\0|\0[^\s)\]>',:;.!?]")
_WRAPPED_GAP = re.compile(r"\(\0\)|\[\0\]|<\0>|'\0'|\b\w+=\0")
_PREPOSITION = r"(?:about|after|against|as|at|before|by|for|from|in|into|of|on|onto|over|per|to|via|with|within)"
# "import of … failed": what a preposition leads to can go where the sentence goes on without it.
_SIDE_NOTE = re.compile(
    rf"\s+{_PREPOSITION}\s+\0(?=\s*(?:$|[,.;:!?)-]|(?:{_PREPOSITION}|and|are|but|can|cannot|completed|could|did|does|failed"
    r"|fails|finished|had|has|is|not|started|succeeded|timed|was|were|will)\b))",
    re.IGNORECASE,
)
_DANGLING = re.compile(rf"\b{_PREPOSITION}\s+\0|^\s*\0?\s*{_PREPOSITION}\b", re.IGNORECASE)
_LOOSE_WORDS = re.compile(r"(?:[\s.,:;=!-]|\s(?:a|an|and|is|the|was))*\0[\s.,:;=!-]*$", re.IGNORECASE)
_LOOSE_END = re.compile(r"[\s.,:;=!-]+$")
_READABLE = re.compile(r"(?=.*[^\W\d_]{2})[\w\s,.:;!?()/-]+")


def _pieces(event: cst.BaseExpression) -> Iterator[str | cst.BaseFormattedStringContent | None]:
    """The texts and expressions of a string; a None for what can't be taken apart safely."""
    match event:
        case cst.FormattedString(start='f"' | "f'" | 'F"' | "F'"):
            for part in event.parts:
                plain = isinstance(part, cst.FormattedStringText)
                yield part if not plain else part.value if not re.search(r'[\\{}"]', part.value) else None
        case cst.SimpleString(value=value) if re.fullmatch(r"""(["'])[^\\{}"]*\1""", value):
            yield value[1:-1]
        case cst.ConcatenatedString():
            yield from _pieces(event.left)
            yield from _pieces(event.right)
        case _:
            yield None


def _keyword(piece: cst.BaseFormattedStringContent | None) -> str | None:
    """The keyword for an expression in an f-string: its name, or the last two words of a chain (`order_id`)."""
    if not isinstance(piece, cst.FormattedStringExpression) or piece.format_spec is not None or piece.equal is not None:
        return None
    name = dotted(piece.expression)
    if name is None:
        return None
    words = [word.lstrip("_") for word in name.split(".") if word not in ("self", "cls")][-2:]
    if words and words[0] in _EXCEPTIONS:
        words[0] = "error"
    redundant = len(words) > 1 and (len(words[0]) == 1 or words[1].startswith(words[0]))
    keyword = words[-1] if redundant else "_".join(words)
    return keyword if keyword.isidentifier() and keyword.islower() and not keyword.endswith("__") else None


def _without_gaps(text: str) -> str | None:
    """A text whose values were taken out, tidied; None when it doesn't read well without them."""
    if _ODD_GAP.search(text):
        return None
    left = _SIDE_NOTE.sub("", _WRAPPED_GAP.sub(_GAP, text))
    if _DANGLING.search(left):
        return None
    left = re.sub(r"\s*\0", "", _LOOSE_WORDS.sub("", left))
    left = _LOOSE_END.sub("", re.sub(r"\s+(?=[,.;:])|(?<=[,;:])[,;:]", "", left)).strip()
    left = re.sub(r"\s{2,}", " ", left)
    return left if len(left) <= _MAX_LENGTH and _READABLE.fullmatch(left) else None
