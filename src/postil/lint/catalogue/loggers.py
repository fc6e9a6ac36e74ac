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

STDLIB_LOGGERS = frozenset({"logging.Logger", "logging.LoggerAdapter", "logging.RootLogger"})

# What gives the same logger back with something added to it.
LOGURU_CHAIN = frozenset({"bind", "opt", "patch", "contextualize"})

# Where a failure is told of besides the log.
REPORTERS = frozenset({"capture_exception", "capture_message", "record_exception", "print_exc", "format_exc", "notify"})
