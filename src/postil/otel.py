"""Traces for OpenTelemetry. The only module that imports it, and imported only where traces are asked for.

How and where they are sent, under which name, and which share of them, the SDK reads from the standard variables
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

A trace's id follows from the id of its delivery, and so does the id of the span that is its root: whatever process
takes up the run knows where it belongs, and nothing is stored for that.
"""

import hashlib
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from postil.tracing import Note

PREFIX = "postil."
STORED = ("accepted", "coalesced")
"""What the fact `result` of a delivery says where runs may go on with its trace."""


class Traces:
    """A `Tracer` that hands spans to a provider: by default to one that sends them over OTLP and HTTP."""

    def __init__(self, version: str, provider: TracerProvider | None = None) -> None:
        if provider is None:
            provider = provided(version)
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._provider = provider
        self._tracer = provider.get_tracer("postil", version)

    def close(self) -> None:
        """Send what is left. May take as long as the exporter's timeout."""
        self._provider.shutdown()

    @contextmanager
    def delivery(self, delivery: str, **facts: str | int) -> Generator[Note]:
        """Begin a trace. Sent again, a delivery adds a span to the same one; the root is the one that was stored.

        Which one that is shows at its end, and so the span is made then.
        """
        began, noted, status = time.time_ns(), facts | {"delivery": delivery}, Status()
        try:
            yield noted.__setitem__
        except BaseException as error:
            status = Status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            root = self._of(delivery)
            own = root.span_id if noted.get("result") in STORED else RandomIdGenerator().generate_span_id()
            ids = _root.set(SpanContext(root.trace_id, own, is_remote=False))
            try:
                span = self._tracer.start_span("delivery", Context(), SpanKind.SERVER, _named(noted), start_time=began)
            finally:
                _root.reset(ids)
            span.set_status(status)
            span.end()

    def run(self, deliveries: Sequence[str], **facts: str | int) -> AbstractContextManager[Note]:
        """Go on with a trace, maybe in another process."""
        of = [self._of(each) for each in deliveries]
        parent = trace.set_span_in_context(NonRecordingSpan(of[-1]), Context()) if of else Context()
        links = [Link(each) for each in of[:-1]]
        return _current(self._tracer.start_span("run", parent, SpanKind.CONSUMER, _named(facts), links))

    def part(self, name: str, **facts: str | int) -> AbstractContextManager[Note]:
        """A child of the span that is open here."""
        if not trace.get_current_span().is_recording():
            return nullcontext(lambda name, value: None)
        return _current(self._tracer.start_span(name, attributes=_named(facts)))

    def _of(self, delivery: str) -> SpanContext:
        """The root of a delivery's trace.

        A digest, since GitHub's ids are made from the time: samplers go by the last bits of a trace's id and take them
        for random, which in those ids they are not. The sampler is asked as it was for the root, and answers the same.
        """
        digest = hashlib.sha256(delivery.encode()).digest()
        trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
        sampled = self._provider.sampler.should_sample(None, trace_id, "delivery").decision.is_sampled()
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)


_root: ContextVar[SpanContext | None] = ContextVar("root", default=None)
"""The ids of the span of a delivery that is being made."""


class _Ids(RandomIdGenerator):
    """Random ids, but for spans of deliveries."""

    def generate_trace_id(self) -> int:
        root = _root.get()
        return super().generate_trace_id() if root is None else root.trace_id

    def generate_span_id(self) -> int:
        root = _root.get()
        return super().generate_span_id() if root is None else root.span_id


def provided(version: str) -> TracerProvider:
    """Make a provider that sends nothing yet; it calls us "postil", unless the environment says otherwise."""
    ours = Resource.create({"service.name": "postil", "service.version": version})
    return TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), id_generator=_Ids())


@contextmanager
def _current(span: trace.Span) -> Generator[Note]:
    """Keep a span open. Of an error it gets the class alone: messages and tracebacks may hold anything."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield lambda name, value: span.set_attribute(PREFIX + name, value)
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _named(facts: Mapping[str, str | int]) -> Mapping[str, str | int]:
    return {PREFIX + name: value for name, value in facts.items()}
