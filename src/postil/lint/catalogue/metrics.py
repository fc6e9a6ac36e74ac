"""Metrics: what makes and feeds them, and which label names stand for values without bound.

Names were checked against prometheus_client 0.26.0, opentelemetry-api 1.45.2, and datadog 0.56.0. OpenTelemetry's
names for the same things (`enduser.id`, `url.full`) stand here with underscores.
"""

# (name, documentation, labelnames, …)
PROMETHEUS_METRICS = frozenset(
    f"prometheus_client.{module}{kind}"
    for module in ("", "metrics.", "core.")
    for kind in ("Counter", "Gauge", "Histogram", "Summary", "Info", "Enum")
)

# What a metric, or one labelled child of it, is used for.
PROMETHEUS_USES = frozenset(
    {"inc", "dec", "set", "observe", "time", "set_to_current_time", "count_exceptions", "track_inprogress", "info",
     "state", "set_function"}
)  # fmt: skip

# What takes the amount, and the attributes behind it.
OTEL_INSTRUMENTS: dict[str, str] = {
    "opentelemetry.metrics.Counter": "add",
    "opentelemetry.metrics.UpDownCounter": "add",
    "opentelemetry.metrics.Histogram": "record",
    "opentelemetry.metrics._Gauge": "set",
}

STATSD_CLIENTS = frozenset(
    {
        "datadog.statsd",
        "datadog.dogstatsd.statsd",
        "datadog.dogstatsd.base.statsd",
        "datadog.DogStatsd",
        "datadog.dogstatsd.DogStatsd",
        "datadog.dogstatsd.base.DogStatsd",
    }
)
STATSD_METHODS = frozenset(
    {"increment", "decrement", "gauge", "histogram", "distribution", "timing", "timed", "distributed", "set"}
)

# A value for each person, request, job or text.
UNBOUNDED_LABELS = frozenset(
    {
        "user_id",
        "userid",
        "uid",
        "enduser_id",
        "email",
        "user_email",
        "username",
        "user_name",
        "ip",
        "ip_address",
        "client_ip",
        "client_address",
        "remote_addr",
        "session",
        "session_id",
        "request_id",
        "trace_id",
        "span_id",
        "correlation_id",
        "job_id",
        "task_id",
        "order_id",
        "customer_id",
        "uuid",
        "token",
        "url",
        "url_full",
        "http_url",
        "full_url",
        "full_path",
        "query",
        "url_query",
        "message",
        "error_message",
        "exception_message",
        "timestamp",
    }
)

# A value for each customer organisation: a judgement.
TENANT_LABELS = frozenset({"tenant", "tenant_id", "org_id", "organization_id", "organisation_id", "workspace_id"})
