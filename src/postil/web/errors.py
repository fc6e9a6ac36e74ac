"""One shape for everything that goes wrong over HTTP: JSON for programs, a page for people."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from postil.web.pages import HEADERS, page

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    422: "unprocessable",
    503: "unavailable",
}


class Error(BaseModel):
    """What went wrong: a word for programs and a sentence for people."""

    code: str
    message: str


class Failure(BaseModel):
    """The body of every answer that isn't a success."""

    error: Error


def failure(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Make the answer to a request that failed."""
    body = Failure(error=Error(code=CODES.get(status, "error"), message=message))
    return JSONResponse(body.model_dump(), status, headers)


def install(app: FastAPI) -> None:
    """Have errors that no route answers itself told in the same shape."""

    async def http_error(request: Request, error: Exception) -> Response:
        status, detail, headers = 500, "", None
        if isinstance(error, HTTPException):
            status, detail, headers = error.status_code, str(error.detail), dict(error.headers or {})
        if status >= 400 and "text/html" in request.headers.get("accept", ""):
            made = (
                page("missing.html", {"title": "Not found", "looked_for": request.url.path, "near": ()}, 404)
                if status == 404
                else page("refused.html", {"title": HTTPStatus(status).phrase, "said": detail}, status)
            )
            made.headers.update(headers or {})
            return made
        return failure(status, detail or "Something went wrong.", headers)

    async def misunderstood(request: Request, error: Exception) -> Response:
        return await http_error(request, HTTPException(422, "The address or the form holds something that it can't."))

    async def crash(request: Request, error: Exception) -> Response:
        # Starlette answers a crash outside of all middleware, so also outside of the one that adds these.
        return failure(500, "Something went wrong here; the log says what.", HEADERS)

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, misunderstood)
    app.add_exception_handler(Exception, crash)
