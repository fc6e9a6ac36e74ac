"""What is done while a lock is held. May not guess: a lock is known by its type, or is called one by its name."""

import re
from typing import TYPE_CHECKING

import libcst as cst

from postil.lint.catalogue.locks import LOOP_LOCKS, THREAD_LOCKS
from postil.lint.names import dotted
from postil.lint.tree import FUNCTIONS

if TYPE_CHECKING:
    from postil.lint.source import SourceFile

_NAMED_LOCK = re.compile(r"lock|mutex|semaphore|(^|_)sem(_|$)", re.IGNORECASE)


def is_under_lock(node: cst.CSTNode, file: "SourceFile") -> bool:
    """Whether `node` runs inside a `with` or `async with` of its own function that enters a lock."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, FUNCTIONS) and child is above.body:
            return False
        if (
            isinstance(above, cst.With)
            and child is above.body
            and any(_is_lock(each.item, file) for each in above.items)
        ):
            return True
        child = above
    return False


def _is_lock(entered: cst.BaseExpression, file: "SourceFile") -> bool:
    kind = file.type_of(entered)
    if kind is not None and "." in kind:
        return kind in LOOP_LOCKS or kind in THREAD_LOCKS
    # `locks[key]`, `self.lock_for(key)`
    while isinstance(entered, (cst.Call, cst.Subscript)):
        entered = entered.func if isinstance(entered, cst.Call) else entered.value
    last = entered.attr.value if isinstance(entered, cst.Attribute) else dotted(entered)
    return last is not None and _NAMED_LOCK.search(last) is not None
