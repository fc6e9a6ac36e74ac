"""Where nodes stand. Computed only for files that have findings, and only for what was found.

Lines of statements come from counting newlines in one walk; columns from generating the one statement around
a node. LibCST's PositionProvider generates the whole module and records every node: 1.7 times the parse, 0.07 here.
Lines are what GitHub counts: only a line feed ends one.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import libcst as cst
from libcst._nodes.internal import CodegenState

from postil.lint.source import SourceFile
from postil.lint.tree import ALL_FIELDS, walk

_LEADING = ("header", "leading_lines", "decorators", "lines_after_decorators")
_CLAUSES = (cst.Else, cst.Finally, cst.ExceptHandler, cst.ExceptStarHandler, cst.MatchCase)
_HEADED = frozenset({*_CLAUSES, *cst.BaseCompoundStatement.__subclasses__()})
_STARTERS = _HEADED | {cst.SimpleStatementLine, cst.Decorator}
_TEXTS = frozenset({cst.SimpleString, cst.FormattedStringText, cst.TemplatedStringText, cst.SimpleWhitespace})


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of a file: 1-based lines and columns, the end column exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class _Mark:
    """Stands on the walk's stack where a statement's own first line begins."""

    __slots__ = ("node",)

    def __init__(self, node: cst.CSTNode) -> None:
        self.node = node


def statement_lines(module: cst.Module) -> dict[int, int]:
    """The 1-based line on which each statement, clause and decorator starts, by the node's `id`."""
    lines: dict[int, int] = {}
    line = 1
    default = module.default_newline.count("\n")
    # Nodes and marks. Told apart by their class, as each is seen once, and `isinstance` is slow on abstract classes.
    stack: list[Any] = [module]
    while stack:
        node = stack.pop()
        kind = node.__class__
        if kind is cst.Newline:
            line += default if node.value is None else node.value.count("\n")
        elif kind is _Mark:
            lines[id(node.node)] = line
        elif kind in _TEXTS:
            line += node.value.count("\n")
            if kind is cst.SimpleString and node.lpar:
                stack.extend((*node.lpar, *node.rpar))
        else:
            below: list[Any] = []
            starts = kind in _STARTERS
            for name in ALL_FIELDS[kind]:
                if starts and name not in _LEADING:
                    below.append(_Mark(node))
                    starts = False
                value = getattr(node, name)
                if value.__class__ in ALL_FIELDS:
                    below.append(value)
                elif value.__class__ is list or value.__class__ is tuple:
                    below.extend(value)
            if starts:
                below.append(_Mark(node))
            below.reverse()
            stack.extend(below)
    return lines


def _is_elif(statement: cst.CSTNode, line: str) -> bool:
    return isinstance(statement, cst.If) and re.match(r"\s*elif\b", line) is not None


class _AllFound(Exception):
    """Ends the generation of a statement once every wanted node has its range."""


class _Recorder(CodegenState):
    """Generates code as LibCST does, and notes where the wanted nodes begin and end."""

    def __init__(self, module: cst.Module, wanted: set[int], line: int, indent: list[str]) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.line = line
        self.column = 0
        self.wanted = wanted
        self.found: dict[int, Range] = {}
        self._began: dict[int, tuple[int, int]] = {}
        self.indent_tokens.extend(indent)

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self._advance(token)

    def add_token(self, value: str) -> None:
        self._advance(value)

    def _advance(self, value: str) -> None:
        breaks = value.count("\n")
        if breaks:
            self.line += breaks
            self.column = len(value) - value.rfind("\n") - 1
        else:
            self.column += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        if id(node) in self.wanted:
            self._began[id(node)] = (self.line, self.column)

    def after_codegen(self, node: cst.CSTNode) -> None:
        key = id(node)
        if key in self.wanted and key not in self.found:
            self._note(key, self._began[key])

    @contextmanager
    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Generator[None]:
        began = (self.line, self.column)
        yield
        if id(node) in self.wanted and id(node) not in self.found:
            self._note(id(node), began)

    def _note(self, key: int, began: tuple[int, int]) -> None:
        self.found[key] = Range(began[0], began[1] + 1, self.line, self.column + 1)
        if len(self.found) == len(self.wanted):
            raise _AllFound


class Positions:
    """The places of one file's nodes."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._lines = statement_lines(file.module)
        self._text_lines = file.text.split("\n")
        self._exact: dict[int, Range] = {}

    def place(self, node: cst.CSTNode) -> Range:
        """Where `node` is shown: compound statements by their first line, everything else whole."""
        if isinstance(node, cst.Module):
            return Range(1, 1, 1, len(self._text_lines[0].rstrip("\r")) + 1)
        if node.__class__ in _HEADED and id(node) in self._lines:
            line = self._lines[id(node)]
            text = self._text_lines[line - 1].rstrip()
            return Range(line, len(text) - len(text.lstrip()) + 1, line, len(text) + 1)
        return self.exact(node)

    def lines_before(self, node: cst.CSTNode, after: cst.CSTNode) -> tuple[int, int]:
        """The first and last line of a statement, clause or decorator `node`, which ends before `after` begins."""
        first = self._lines[id(node)]
        last = self._lines[id(after)] - 1
        while last > first and self._text_lines[last - 1].lstrip()[:1] in ("", "#", "\r"):
            last -= 1
        return first, max(first, last)

    def exact(self, node: cst.CSTNode) -> Range:
        """The whole text of `node`, without the white space, comments and parentheses around it."""
        key = id(node)
        if key not in self._exact:
            self._exact[key] = self._generated(node)
        return self._exact[key]

    def _generated(self, node: cst.CSTNode) -> Range:
        statement = self._starter(node)
        line = self._lines.get(id(statement), 1)
        source = self._text_lines[line - 1]
        indent = re.match(r"[ \t\f]*", source)
        recorder = _Recorder(self._file.module, {id(node)}, line, [indent[0]] if indent and indent[0] else [])
        if isinstance(self._file.parent(statement), cst.SimpleStatementSuite):
            recorder.indent_tokens.clear()
        # What stands before the statement's own first line was counted already.
        bare = statement
        leading = [name for name in ("leading_lines", "lines_after_decorators") if getattr(statement, name, None)]
        if leading:
            bare = statement.with_changes(**dict.fromkeys(leading, ()))
        if getattr(bare, "decorators", None):
            bare = bare.with_changes(decorators=())
        if bare is not statement and node is statement:
            recorder.wanted = {id(bare)}
        with suppress(_AllFound):
            # The way to generate one node: `code_for_node` keeps no state. An `elif` is an `If` that its parent names.
            how = {"is_elif": True} if _is_elif(statement, source) else {}
            bare._codegen(recorder, **how)  # noqa: SLF001
        found = recorder.found.get(next(iter(recorder.wanted)))
        if found is None:
            return Range(line, 1, line, len(source.rstrip("\r")) + 1)
        return self._trimmed(found) if found.end_column == 1 else found

    def _trimmed(self, found: Range) -> Range:
        """A compound statement ends with its last line of text, not with the line break behind it."""
        last = found.end_line - 1
        while last > found.line and not self._text_lines[last - 1].strip():
            last -= 1
        return Range(found.line, found.column, last, len(self._text_lines[last - 1].rstrip()) + 1)

    def _starter(self, node: cst.CSTNode) -> cst.CSTNode:
        current: cst.CSTNode | None = node
        if isinstance(node, (cst.LeftParen, cst.RightParen)):
            current = self._parenthesised.get(id(node))
        while current is not None:
            if id(current) in self._lines:
                return current
            current = self._file.parent(current)
        return self._file.module

    @cached_property
    def _parenthesised(self) -> dict[int, cst.CSTNode]:
        """The expression in each parenthesis, by the parenthesis' id: it has no parent, as no walk enters it.

        Those of statements and calls are single fields, or none.
        """
        return {
            id(each): node
            for node in walk(self._file.module)
            for held in (getattr(node, "lpar", None), getattr(node, "rpar", None))
            if isinstance(held, (list, tuple))
            for each in held
        }

    def text(self, place: Range) -> str:
        """The source text of a range."""
        lines = self._text_lines[place.line - 1 : place.end_line]
        if not lines:
            return ""
        lines = [*lines[:-1], lines[-1][: place.end_column - 1]]
        lines[0] = lines[0][place.column - 1 :]
        return "\n".join(lines)

    def with_space_behind(self, place: Range) -> Range:
        """What goes with a range that is taken away: the blanks behind it, or its whole lines where it fills them."""
        rest = self._text_lines[place.end_line - 1][place.end_column - 1 :]
        if not rest.strip() and not self._text_lines[place.line - 1][: place.column - 1].strip():
            return Range(place.line, 1, place.end_line + 1, 1)
        blanks = len(rest) - len(rest.lstrip(" \t"))
        return Range(place.line, place.column, place.end_line, place.end_column + blanks)

    def line_text(self, line: int) -> str:
        """The text of a 1-based line, without its end."""
        return self._text_lines[line - 1].rstrip("\r") if 0 < line <= len(self._text_lines) else ""
