"""Traces: one tree from a delivery to the posted review, without secrets, and no cost where nobody asks for them."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from inline_snapshot import snapshot
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from postil.otel import Traces, provided
from postil.settings import Settings
from story import CLEAN, PAY, running
from validated_github import ValidatedGitHub

ASKED = "OTEL_EXPORTER_OTLP_ENDPOINT"


def kept() -> tuple[Traces, InMemorySpanExporter]:
    """Traces that stay here."""
    provider, exporter = provided("1"), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Traces("1", provider), exporter


def tree(spans: tuple[ReadableSpan, ...], parent: int | None = None, depth: int = 0) -> list[str]:
    """The spans below a parent, indented, in the order in which they began."""
    lines = []
    for span in sorted(spans, key=lambda each: each.start_time or 0):
        if (span.parent.span_id if span.parent else None) == parent and span.context:
            lines += ["  " * depth + span.name, *tree(spans, span.context.span_id, depth + 1)]
    return lines


@pytest.mark.anyio
async def test_a_delivery_and_its_review_are_one_trace(
    github: ValidatedGitHub, app_key: tuple[str, str], tmp_path: Path
) -> None:
    """Whoever asks why a review was late sees where the time went, from GitHub's delivery to our last call."""
    traces, exporter = kept()
    pull = github.open_pull(base_files={"shop/a.py": CLEAN}, head_files={"shop/pay.py": PAY})
    async with running(github, app_key, tmp_path, traces) as postil:
        await postil.receives(github.delivery("pull_request", "opened", pull=pull))
    spans = exporter.get_finished_spans()
    facts = {span.name: dict(span.attributes or {}) for span in spans if span.name in ("run", "POST reviews")}

    assert len(pull.reviews) == 1
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    assert tree(spans) == snapshot(
        [
            "delivery",
            "  run",
            "    context",
            "      POST token",
            "      POST graphql",
            "    POST checks",
            "    files",
            "      GET files",
            "    texts",
            "      POST graphql",
            "    analysis",
            "    posting",
            "      POST reviews",
            "      PATCH checks",
        ]
    )
    assert facts == snapshot(
        {
            "POST reviews": {"postil.status": 200},
            "run": {"postil.repository": 1004, "postil.pull": 1, "postil.tries": 0, "postil.outcome": "done"},
        }
    )
    told = repr([(span.name, dict(span.attributes or {}), span.events, span.status.description) for span in spans])
    assert [each for each in ("ghs_", "://", "/", "shop") if each in told] == []


def test_a_run_goes_on_with_its_newest_delivery_and_is_linked_to_the_others() -> None:
    """It answers all of them, and whichever is looked up leads to it; the worker may be another process."""
    web, received = kept()
    worker, done = kept()
    for each in ("first", "second"):
        with web.delivery(each) as note:
            note("result", "accepted")
    with worker.run(["first", "second"]):
        pass
    first, second = (span.context for span in received.get_finished_spans())
    (run,) = done.get_finished_spans()

    assert first
    assert second
    assert run.parent
    assert (run.parent.trace_id, run.parent.span_id) == (second.trace_id, second.span_id)
    assert [(link.context.trace_id, link.context.span_id) for link in run.links] == [(first.trace_id, first.span_id)]


def test_a_delivery_that_is_sent_again_adds_a_span_of_its_own() -> None:
    """Two spans of one id would be one of them, or none; runs hang on the delivery that was stored."""
    traces, exporter = kept()
    with pytest.raises(ConnectionError), traces.delivery("d1"):
        raise ConnectionError
    for result in ("not stored", "accepted", "duplicate"):
        with traces.delivery("d1") as note:
            note("result", result)
    with traces.run(["d1"]):
        pass
    *deliveries, run = exporter.get_finished_spans()
    spans = [span.context for span in deliveries if span.context]

    assert len({context.span_id for context in spans}) == 4
    assert {context.trace_id for context in spans} == {run.context.trace_id if run.context else 0}
    assert run.parent
    assert run.parent.span_id == spans[2].span_id
    assert [span.status.description for span in deliveries] == ["ConnectionError", None, None, None]


def test_a_share_of_the_deliveries_is_traced_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub's ids are made from the time, and samplers expect random ones; a run is kept where its delivery is."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    traces, exporter = kept()
    for number in range(400):
        delivery = f"72d3{number:04x}-cc78-11e3-81ab-4c9367dc0958"
        with traces.delivery(delivery):
            pass
        with traces.run([delivery]):
            pass
    spans = exporter.get_finished_spans()
    names = Counter(span.name for span in spans)

    assert 60 < names["delivery"] < 140
    assert names["run"] == names["delivery"]
    assert len({span.context.trace_id for span in spans if span.context}) == names["run"]


def test_an_error_leaves_its_class_and_not_its_words() -> None:
    """Messages may hold paths, code and addresses; the log redacts them, and a trace goes elsewhere."""
    traces, exporter = kept()
    with pytest.raises(ValueError, match="secret"), traces.run([]), traces.part("context"):
        raise ValueError("secret")

    assert [(span.status.description, span.events) for span in exporter.get_finished_spans()] == [
        ("ValueError", ())
    ] * 2


def test_what_belongs_to_no_delivery_is_not_traced() -> None:
    """The sweep's and the start's calls would each be a trace of one span."""
    traces, exporter = kept()
    with traces.part("GET other") as note:
        note("status", 200)

    assert exporter.get_finished_spans() == ()


def test_only_an_address_asks_for_traces() -> None:
    """As the SDK's variables are shared by all that runs on a platform, an empty one asks for nothing."""
    asked = [{}, {ASKED: " "}, {ASKED: "http://collector:4318"}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1"}]

    assert [Settings.load(env).traced for env in asked] == [False, False, True, True]


def started(code: str, **env: str) -> list[str]:
    """What a process prints and logs in which traces are begun as `postil serve` does it; at last, what it imported."""
    program = f"import sys\n{code}\nfrom postil import app\nfrom postil.settings import Settings\n"
    program += "with app._traced(Settings.load()) as tracer:\n    print(type(tracer).__name__)\n"
    program += "print('opentelemetry.sdk' in sys.modules)\n"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", program], env=clean | env, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_without_being_asked_nothing_of_it_is_imported() -> None:
    """The SDK takes memory and time to start, and a thread."""
    assert started("") == ["Untraced", "False"]


@pytest.mark.parametrize("variable", ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"])
def test_a_variable_that_the_sdk_refuses_is_no_reason_not_to_start(variable: str) -> None:
    """A typing error in what watches must not stop what is watched; the log says what to correct."""
    refused = started("", **{ASKED: "http://127.0.0.1:9", variable: "-1"})

    assert "traces_not_sent" in refused[0]
    assert "correct the variables that begin with OTEL_" in refused[0]
    assert refused[-2:] == ["Untraced", "True"]


def test_asked_for_but_not_installed_it_is_said_with_the_cure_and_all_else_works() -> None:
    """A platform may set the variable for everything that runs there; an upgrade must not end in a refusal."""
    missing = started("sys.modules['opentelemetry.exporter'] = None", **{ASKED: "http://127.0.0.1:9"})

    assert "traces_not_sent" in missing[0]
    assert "pip install 'postil[otel]'" in missing[0]
    assert missing[1:] == ["Untraced", "False"]
    assert started("", **{ASKED: "http://127.0.0.1:9"}) == ["Traces", "True"]
