"""What operators watch with: every metric that a dashboard, an alert or a page names is there, with its labels."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from postil.github.client import ENDPOINTS
from postil.jobs import Counts
from postil.review.figures import Line
from postil.review.standing import Figures
from postil.web.metrics import Metrics

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/watch.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text(encoding="utf-8"))["groups"][0][
    "rules"
]
WORDS = r"[a-z][a-z_]*"


def shown() -> str:
    """The metrics of a process in which everything has happened once."""
    metrics = Metrics("1", "1.0")
    metrics.delivered("pull_request", "accepted", 0.01)
    metrics.ran("done", 1.0)
    metrics.spent("analysis", 1.0)
    metrics.found("bare-except")
    metrics.said("bare-except")
    metrics.unread("timeout")
    metrics.died("timeout")
    metrics.swept("redelivery")
    metrics.called("graphql", "ok", 0.1)
    metrics.looked_up("token", hit=True)
    metrics.watch(lambda: [0.0, 0.05, 0.1, 0.5, 0.9])
    return metrics.show(Counts({"queued": 1}, 3.0, 1), [Line("bare-except", Figures(fixed=1), ())]).decode()


SAMPLES = {
    sample.name: set(sample.labels)
    for family in text_string_to_metric_families(shown())
    for sample in family.samples
    if not sample.name.endswith("_created")
}
FAMILIES = {
    family.name + ("_total" if family.type == "counter" else ""): {
        label for sample in family.samples for label in sample.labels if label != "le"
    }
    for family in text_string_to_metric_families(shown())
    if family.name.startswith("postil_") and not family.name.endswith("_created")
}


def expressions() -> Iterator[tuple[str, str]]:
    """What the dashboard and the alerts ask Prometheus for, with the place."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for alert in ALERTS:
        yield alert["alert"], alert["expr"]


def test_every_metric_stands_on_its_page_with_its_labels_and_nothing_else() -> None:
    """What isn't listed is never watched, and what is listed in vain makes an empty panel."""
    listed = re.findall(r"^\| `(postil_\w+)` \|([^|]*)\|", PAGE, re.MULTILINE)

    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in listed} == FAMILIES


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_dashboards_and_alerts_ask_for_what_there_is(place: str, expression: str) -> None:
    """A misspelt name or label is no error for Prometheus: the panel stays empty, and the alert never comes."""
    del place
    asked = re.findall(rf"((?:postil|process)_{WORDS})(?:\{{([^}}]*)\}})?", expression)
    grouped = {label for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(", ")}

    assert asked
    for name, matchers in asked:
        assert name in SAMPLES
        assert grouped | set(re.findall(rf"({WORDS})(?:=~|!=|=)", matchers)) <= SAMPLES[name]
    assert expression.count("(") == expression.count(")")


def test_every_alert_has_a_line_that_says_where_to_look() -> None:
    """Whoever is woken by it looks there first."""
    table = PAGE.partition("## Alerts")[2]

    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [alert["alert"] for alert in ALERTS]
    assert [alert["alert"] for alert in ALERTS if not alert["annotations"]["summary"]] == []


def test_labels_have_few_values_whatever_comes_from_outside() -> None:
    """An event's name and a repository's path come from outside; a label for each would fill the memory."""
    metrics = Metrics("1", "1.0")
    for number in range(50):
        metrics.delivered(f"event{number}", "ignored", 0.0)
    events = {
        sample.labels["event"]
        for family in text_string_to_metric_families(metrics.show(None).decode())
        for sample in family.samples
        if family.name == "postil_deliveries"
    }

    assert events == {"other"}
    assert len(ENDPOINTS) < 12


def test_installations_are_counted_by_what_is_left_to_them() -> None:
    """By class, and never by their ids."""
    classes = re.findall(r'^postil_github_installations\{left="([^"]+)"\} (\d+)', shown(), re.MULTILINE)

    assert classes == [("none", "1"), ("reserve", "2"), ("half or less", "1"), ("more than half", "1")]
    assert "postil_github_budget_least_ratio 0.0" in shown()
