"""Who calls whom inside one file: which functions run when a request or a job is served.

May not guess: only what the file defines and names is followed. Cached functions and start-up code end a path.
"""

from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.tree import walk_scope

if TYPE_CHECKING:
    from postil.lint.source import SourceFile


class Calls:
    """The calls between the functions of one file, gathered when asked."""

    def __init__(self, file: "SourceFile") -> None:
        self._file = file
        self._callees: dict[int, list[tuple[cst.Call, cst.FunctionDef]]] = {}
        self._serving: dict[int, cst.FunctionDef] | None = None

    def callees(self, function: cst.FunctionDef) -> list[tuple[cst.Call, cst.FunctionDef]]:
        """The calls in a function's own body to functions of this file, in source order."""
        key = id(function)
        if key not in self._callees:
            self._callees[key] = [
                (node, found)
                for node in walk_scope(function.body)
                if isinstance(node, cst.Call)
                and isinstance(found := self._file.definition_of(node.func), cst.FunctionDef)
                and found is not function
            ]
        return self._callees[key]

    def reached(self, function: cst.FunctionDef) -> list[cst.FunctionDef]:
        """A function, and the functions of this file that run when it runs."""
        found = [function]
        for current in found:
            found += [callee for _, callee in self.callees(current) if not any(callee is known for known in found)]
        return found

    def served_by(self, function: cst.FunctionDef) -> cst.FunctionDef | None:
        """The request handler or task for which a function runs: itself, or one that calls it; or None."""
        if self._serving is None:
            self._serving = {}
            file = self._file
            queue = [(f, f) for f in file.nodes(cst.FunctionDef) if file.is_task(f) or file.is_request_handler(f)]
            for current, handler in queue:
                if id(current) in self._serving:
                    continue
                self._serving[id(current)] = handler
                queue += [(callee, handler) for _, callee in self.callees(current) if not file.is_startup(callee.body)]
        return self._serving.get(id(function))
