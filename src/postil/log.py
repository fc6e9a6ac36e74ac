"""One JSON object per line on stderr, for our own words and those of the libraries, without secrets in them.

A leaf: it takes plain values, so that whoever starts a process (the app, the command line) configures it once.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Tokens of GitHub (ghs_ ones are about 520 characters, with dots and hyphens), JSON web tokens, private keys (also with
# escaped line ends, or cut off), and passwords in database addresses.
_SECRETS = re.compile(
    r"gh[a-z]_[A-Za-z0-9._-]{16,}"
    r"|github_pat_\w{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)",
    re.DOTALL,
)
HIDDEN = "[secret]"
# Loggers that print for themselves, or print each request, unless told otherwise.
_TAKEN_OVER = ("dbos", "uvicorn", "uvicorn.error", "uvicorn.access")
# psycopg warns of a pipeline that ends in an error, which it raises besides.
_TALKATIVE = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "dbos": logging.WARNING,
    "psycopg": logging.ERROR,
}

# Always the same list, as loggers that were used before hold on to it.
_processors: list[Processor] = []


def configure(level: str = "info", secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send all logging of the process to `stream` (stderr by default), as JSON.

    `level` is debug, info, warning or error. `secrets` are texts to hide besides what looks like a secret anyway.
    """
    _redactor.hide(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    handler: logging.Handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redactor,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _TAKEN_OVER:
        logger = logging.getLogger(name)
        # DBOS adds a handler of its own unless its logger has one; so it gets ours.
        own: list[logging.Handler] = [handler] if name == "dbos" else []
        logger.handlers, logger.propagate = own, not own
        # An earlier server in this process may have quietened them.
        logger.setLevel(logging.NOTSET)
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(least)
    _processors[:] = [
        structlog.stdlib.filter_by_level,
        *shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    structlog.configure(
        processors=_processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class Redactor:
    """A structlog processor that hides secrets in every value, however deep, tracebacks included."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._literal: re.Pattern[str] | None = None
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these texts too, from now on."""
        # Also as an exception's message and as JSON would quote them; longest first, as one may begin with another.
        for secret in secrets:
            self._forms |= {form for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]) if form}
        literal = sorted(self._forms, key=len, reverse=True)
        self._literal = re.compile("|".join(re.escape(secret) for secret in literal)) if literal else None

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Give back the event with its secrets hidden."""
        return {key: self.clean(value) for key, value in event.items()}

    def clean(self, value: object) -> object:
        """Hide the secrets in a value; what is neither text, number nor collection becomes its repr."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {str(self.clean(key)): self.clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean(item) for item in value]
        text = value if isinstance(value, str) else repr(value)
        if self._literal is not None:
            text = self._literal.sub(HIDDEN, text)
        return _SECRETS.sub(HIDDEN, text)


_redactor = Redactor()


def hide(secrets: Iterable[str]) -> None:
    """Hide texts that became secrets while the process runs."""
    _redactor.hide(secrets)
