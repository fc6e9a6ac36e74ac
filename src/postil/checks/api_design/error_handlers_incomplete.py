"""Finds applications of which some errors keep the framework's form."""

import re
from collections.abc import Iterator

import libcst as cst

from postil.lint import ChangeSet, Note, Notes
from postil.lint.contract import Service
from postil.lint.errors_sent import handled_exceptions
from postil.lint.interface import Interface
from postil.lint.names import dotted

# Problem details (RFC 9457) come with handlers of their own: `fastapi_problem`, `problem+json`.
_PROBLEMS = re.compile(r"problem[+_-]?(?:json|detail|handler)|_problem\b|\bproblem\.", re.IGNORECASE)
_HTTP = "HTTPException"
_VALIDATION = "RequestValidationError"


def check(changes: ChangeSet) -> Notes:
    yield from changes.fact(Service).new(_found)


def _found(interface: Interface) -> Iterator[Note]:
    files = [file for file in interface.files if file.is_service]
    handled = [
        (file, each) for file in files if file.mentions("exception_handler") for each in handled_exceptions(file)
    ]
    names = {(file.name_of(each) or dotted(each) or "").rpartition(".")[2] for file, each in handled}
    known = [name for name in names if name]
    # A form of its own shows in its handlers; what a name in a loop stands for isn't known.
    if (
        not handled
        or any(not name[:1].isupper() for name in known)
        or any(_PROBLEMS.search(file.text) for file in files)
    ):
        return
    missing = [name for name in (_VALIDATION, _HTTP) if not any(name in each for each in known)]
    apps = [
        (file, call)
        for file in files
        if file.mentions("FastAPI(")
        for call in file.nodes(cst.Call)
        if (file.name_of(call.func) or "").rpartition(".")[2] == "FastAPI"
    ]
    if missing and len(apps) == 1:
        file, call = apps[0]
        listed = " and ".join(f"`{name}`" for name in missing)
        yield Note(file.at(call), f"this application has handlers for errors, and none for {listed}")
