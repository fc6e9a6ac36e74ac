"""Finds endpoints that answer with a dict past every model."""

import libcst as cst

from postil.lint import Note, Notes, SourceFile, argument
from postil.lint.answers import content_of, documented, dumped, is_handmade, returned
from postil.lint.interface import Endpoint

MENTIONS = ("fastapi", "APIRouter")


def check(file: SourceFile) -> Notes:
    for endpoint in documented(file):
        if _is_described(endpoint, file):
            continue
        # An endpoint that declares nothing at all is another rule's, except where the model is at hand.
        silent = endpoint.route.function.returns is None and not _has(endpoint, "response_model", "response_class")
        said = False
        for value in returned(endpoint.route.function):
            content = content_of(value, file) or value
            given = dumped(content, file)
            if given is not None:
                text = (
                    f"`{endpoint.name}` makes `{file.code(given)}` a dict, which no model checks or describes any more"
                )
                yield Note(value, text)
            elif not said and not silent and is_handmade(content, file):
                said = True
                yield Note(value, f"`{endpoint.name}` answers with a dict that no model checks or describes")


def _is_described(endpoint: Endpoint, file: SourceFile) -> bool:
    """Whether a type says what is answered: not if there is none, nor if it is a response of whatever content."""
    if _has(endpoint, "responses"):
        return True
    declared = endpoint.response
    if declared is None:
        return False
    if argument(endpoint.route.call, "response_model") is not None:
        return True
    kind = (file.annotated_type(declared) or "").rpartition(".")[2]
    return not kind.endswith("Response") or isinstance(declared, (cst.Subscript, cst.BinaryOperation))


def _has(endpoint: Endpoint, *options: str) -> bool:
    return any(argument(endpoint.route.call, option) is not None for option in options)
