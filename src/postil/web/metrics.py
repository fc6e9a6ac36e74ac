"""What Prometheus is told. Every label has few values: what comes from outside is sorted into known ones first.

docs/watch.md lists all of it. No label names an installation, a repository or a person.
"""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from postil.jobs import Counts
from postil.review.figures import Line
from postil.review.standing import Standing

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

SHARES = ((0.0, "none"), (0.1, "reserve"), (0.5, "half or less"), (1.0, "more than half"))
"""Classes of installations by the share of GitHub's budget that is left to them: up to, and what it is called."""

OUTCOMES = ("fixed", "refused", "allowed", "open", "left")
"""What becomes of comments, by the names in `postil.review.standing.Figures`."""

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """The metrics of one process, in a registry of its own, so that two services in one process don't mix."""

    def __init__(self, version: str, guideline: str) -> None:
        self._registry = CollectorRegistry()
        self._left: Callable[[], Sequence[float]] = list
        ProcessCollector(registry=self._registry)
        self._deliveries = self._counter(
            "deliveries", "Requests to the webhook by event and by what was done with them.", "event", "outcome"
        )
        self._webhook = self._histogram(
            "webhook_seconds",
            "Time from a webhook request's first byte to its answer.",
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self._pulls = self._gauge("pull_requests", "Pull requests by the state of their work.", "state")
        self._waiting = self._gauge("oldest_waiting_seconds", "Age of the oldest work that waits to begin.")
        self._installations = self._gauge("waiting_installations", "Installations with work that waits to begin.")
        self._runs = self._histogram(
            "run_seconds", "Duration of one run over a pull request, by how it ended.", "outcome"
        )
        self._phases = self._histogram("phase_seconds", "Duration of the parts of a review.", "phase")
        self._found = self._counter("findings", "What was found that pull requests introduce, by rule.", "rule")
        self._said = self._counter("findings_said", "Inline comments posted, by rule.", "rule")
        self._fates = self._gauge("rule_comments", "Comments by rule and by what became of them.", "rule", "outcome")
        self._standings = self._gauge(
            "rule_steps", "In how many repositories and accounts a rule is on probation or off.", "rule", "standing"
        )
        self._unread = self._counter(
            "files_not_analysed", "Files that were not analysed, or only in part, by the kind of problem.", "kind"
        )
        self._swept = self._counter("swept", "What the sweep found missing and asked for.", "what")
        self._deaths = self._counter("child_deaths", "Analysing processes that died, by what it was.", "kind")
        self._calls = self._histogram(
            "github_call_seconds", "Calls to GitHub until the answer began, by kind and outcome.", "endpoint", "outcome"
        )
        self._budget = self._gauge(
            "github_installations", "Installations by the share of GitHub's hourly budget that is left.", "left"
        )
        self._least = self._gauge(
            "github_budget_least_ratio", "The lowest share of GitHub's hourly budget that an installation has left."
        )
        self._lookups = self._counter("cache_lookups", "Looks into caches, by what was found.", "cache", "outcome")
        info = self._gauge("build_info", "Always 1.", "version", "guideline")
        info.labels(version, guideline).set(1)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"postil_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"postil_{name}", about, labels, registry=self._registry)

    def _histogram(self, name: str, about: str, *labels: str, buckets: Sequence[float] = _SECONDS) -> Histogram:
        return Histogram(f"postil_{name}", about, labels, buckets=buckets, registry=self._registry)

    def watch(self, left: Callable[[], Sequence[float]]) -> None:
        """Ask this for the share of GitHub's budget that is left to each installation, whenever metrics are shown."""
        self._left = left

    def delivered(self, event: str, outcome: str, seconds: float) -> None:
        """Count one request to the webhook. `outcome` is one of our own words."""
        self._deliveries.labels(event if event in EVENTS else "other", outcome).inc()
        self._webhook.observe(seconds)

    def ran(self, outcome: str, seconds: float) -> None:
        """Count one run of a pull request's work. `outcome` is one of our own words."""
        self._runs.labels(outcome).observe(seconds)

    def spent(self, phase: str, seconds: float) -> None:
        """Count the time of one part of a run. `phase` is one of our own words."""
        self._phases.labels(phase).observe(seconds)

    def found(self, rule: str) -> None:
        """Count a finding of a rule of the guideline."""
        self._found.labels(rule).inc()

    def said(self, rule: str, count: int = 1) -> None:
        """Count inline comments of a rule of the guideline."""
        self._said.labels(rule).inc(count)

    def unread(self, kind: str) -> None:
        """Count a problem with a file, by the kind of `postil.lint.finding.Problem`."""
        self._unread.labels(kind).inc()

    def died(self, kind: str) -> None:
        """Count the death of an analysing process, by the same kinds."""
        self._deaths.labels(kind).inc()

    def swept(self, what: str) -> None:
        """Count what the sweep found missing. `what` is one of its own words."""
        self._swept.labels(what).inc()

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Count a call to GitHub. Both words are our own."""
        self._calls.labels(endpoint, outcome).observe(seconds)

    def looked_up(self, cache: str, *, hit: bool) -> None:
        """Count a look into one of our caches."""
        self._lookups.labels(cache, "hit" if hit else "miss").inc()

    def show(self, counts: Counts | None, rules: Sequence[Line] = ()) -> bytes:
        """Write all metrics down in Prometheus' text format; without `counts`, those of the queue are left out.

        `rules` are those that said something or stepped back; there are as many values of that label.
        """
        self._fates.clear()
        self._standings.clear()
        for line in rules:
            for outcome in OUTCOMES:
                self._fates.labels(line.rule, outcome).set(getattr(line.figures, outcome))
            for standing in (Standing.PROBATION, Standing.OFF):
                self._standings.labels(line.rule, standing.value).set(line.count(standing))
        if counts is None:
            self._pulls.clear()
            self._waiting.set(float("nan"))
            self._installations.set(float("nan"))
        else:
            for state, count in counts.states.items():
                self._pulls.labels(state).set(count)
            self._waiting.set(counts.oldest_waiting)
            self._installations.set(counts.waiting_installations)
        left = self._left()
        self._least.set(min(left, default=1.0))
        classes = [next(name for most, name in SHARES if each <= most) for each in left]
        for _, name in SHARES:
            self._budget.labels(name).set(classes.count(name))
        return generate_latest(self._registry)
