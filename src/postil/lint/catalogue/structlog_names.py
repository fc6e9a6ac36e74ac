"""Names of structlog. Checked against structlog 26.1.0."""

JSON_RENDERERS = frozenset({"structlog.processors.JSONRenderer", "structlog.processors.LogfmtRenderer"})
RENDERERS = JSON_RENDERERS | {
    "structlog.dev.ConsoleRenderer",
    "structlog.processors.KeyValueRenderer",
}
CONFIGURE = frozenset({"structlog.configure", "structlog.configure_once"})

# The modules whose functions and classes are processors of an event that is still a dictionary.
PROCESSOR_MODULES = ("structlog.processors.", "structlog.stdlib.", "structlog.contextvars.", "structlog.dev.")

_CONTEXT = "structlog.contextvars."
BIND = f"{_CONTEXT}bind_contextvars"
RELEASES = frozenset(
    {f"{_CONTEXT}{name}" for name in ("clear_contextvars", "unbind_contextvars", "reset_contextvars")}
) | {f"{_CONTEXT}bound_contextvars"}
