"""Loggers by the class of their value. Checked against structlog 26.1.0."""

STRUCTLOG_LOGGERS = frozenset(
    {
        "structlog.BoundLogger",
        "structlog.stdlib.BoundLogger",
        "structlog.stdlib.AsyncBoundLogger",
        "structlog.typing.FilteringBoundLogger",
        "structlog.types.FilteringBoundLogger",
    }
)
