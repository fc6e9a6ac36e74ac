"""What Prometheus is told. Every label has few values: what comes from outside is sorted into known ones first."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from postil.jobs import Counts

EVENTS = frozenset(
    {
        "check_run",
        "check_suite",
        "installation",
        "installation_repositories",
        "issue_comment",
        "ping",
        "pull_request",
        "pull_request_review_comment",
    }
)
"""The events that mean something to us; all others count as "other"."""


class Metrics:
    """The counters of one process, in a registry of its own, so that two services in one process don't mix."""

    def __init__(self, version: str, guideline: str) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._deliveries = Counter(
            "postil_deliveries",
            "Requests to the webhook by event and by what was done with them.",
            ["event", "outcome"],
            registry=self._registry,
        )
        self._webhook = Histogram(
            "postil_webhook_seconds",
            "Time from a webhook request's first byte to its answer.",
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self._registry,
        )
        self._pulls = Gauge(
            "postil_pull_requests", "Pull requests by the state of their work.", ["state"], registry=self._registry
        )
        self._waiting = Gauge(
            "postil_oldest_waiting_seconds", "Age of the oldest work that waits to begin.", registry=self._registry
        )
        self._runs = Histogram(
            "postil_run_seconds",
            "Duration of one run over a pull request, by how it ended.",
            ["outcome"],
            buckets=(0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640),
            registry=self._registry,
        )
        self._said = Counter(
            "postil_findings_said", "Inline comments posted, by rule.", ["rule"], registry=self._registry
        )
        info = Gauge("postil_build_info", "Always 1.", ["version", "guideline"], registry=self._registry)
        info.labels(version, guideline).set(1)

    def delivered(self, event: str, outcome: str, seconds: float) -> None:
        """Count one request to the webhook. `outcome` is one of our own words."""
        self._deliveries.labels(event if event in EVENTS else "other", outcome).inc()
        self._webhook.observe(seconds)

    def ran(self, outcome: str, seconds: float) -> None:
        """Count one run of a pull request's work. `outcome` is one of our own words."""
        self._runs.labels(outcome).observe(seconds)

    def said(self, rule: str, count: int = 1) -> None:
        """Count inline comments of a rule of the guideline."""
        self._said.labels(rule).inc(count)

    def show(self, counts: Counts | None) -> bytes:
        """Write all metrics down in Prometheus' text format; without `counts`, those of the queue are left out."""
        if counts is None:
            self._pulls.clear()
            self._waiting.set(float("nan"))
        else:
            for state, count in counts.states.items():
                self._pulls.labels(state).set(count)
            self._waiting.set(counts.oldest_waiting)
        return generate_latest(self._registry)
