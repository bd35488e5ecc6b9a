"""Traces of batches and of questions, for OpenTelemetry.

Off unless a collector is named. What takes a batch in gives it a trace context, which travels with it
through the event log (W3C ``traceparent``). Spans are made after the fact, from times that were measured
anyway: so whether a batch is kept can depend on how it went. Kept are those that were drawn, which the
context says to every later hop, and those that were slow or failed.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from schemas.stored import TracedBatch

_log = structlog.get_logger()
_EXPORT_EVERY_MS = 1000
_DRAWN_DIGIT = slice(54, 55)
"""Of a ``traceparent``: its last bit says that the trace is kept."""
_ODD_DIGITS = frozenset("13579bdfBDF")
_MOST_DRAWN = 5
"""In a second, where not everything is drawn: a trace has some thirty spans, and many batches come in a second."""
_MOST_SLOW = 5
"""Of batches that go through a step together and are kept only since they are slow: a backlog is slow all through."""


class TraceContext(NamedTuple):
    """Where a batch or a question is in its trace.

    Attributes:
        trace_id: 128 bits.
        span_id: 64 bits: of the span that whatever comes next is part of.
        drawn: whether every hop keeps it.
        parent: span of the caller, if a caller gave one.
    """

    trace_id: int
    span_id: int
    drawn: bool
    parent: int | None = None

    def __str__(self) -> str:
        """Return the ``traceparent``."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-0{self.drawn:d}"

    @property
    def trace(self) -> str:
        """The trace's id as logs have it."""
        return f"{self.trace_id:032x}"


def parse_traceparent(text: str | None) -> TraceContext | None:
    """Return what a ``traceparent`` says; ``None`` where it says nothing that can be read.

    As W3C Trace Context, level 1, section 3.2 has it; fields of later versions are ignored.
    """
    parts = (text or "").split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or parts[0] == "ff":
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    return TraceContext(trace_id, span_id, bool(flags & 1)) if trace_id and span_id else None


def nanoseconds(moment: datetime) -> int:
    """Return nanoseconds since 1970."""
    return int(moment.timestamp() * 1e9)


class _GivenIds(IdGenerator):
    """Gives the next span of this thread the ids of a context that was made before it."""

    def __init__(self) -> None:
        self.next = threading.local()

    def generate_trace_id(self) -> int:
        given: int = self.next.ids[0]
        return given

    def generate_span_id(self) -> int:
        given: int = self.next.ids[1]
        return given


class Tracing:
    """The traces of one process.

    Args:
        exporter: where spans go, on a thread of its own.
        service: name of the process.
        ratio: of batches and questions that are drawn; below 1, at most five a second.
        slow_seconds: what takes longer is kept anyway.
        clock: seconds.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        service: str,
        *,
        ratio: float,
        slow_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create({"service.name": service}), id_generator=self._ids
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_EVERY_MS)
        )
        self._tracer = self._provider.get_tracer("smolhog")
        self._ratio = ratio
        self._random = random.Random()  # noqa: S311 - names traces, opens nothing
        self._clock = clock
        self._second, self._drawn = 0, 0
        self.slow_seconds = slow_seconds

    def begin(self, traceparent: str | None = None, *, trusted: bool = False) -> TraceContext:
        """Return the context of something that begins now; :meth:`end` makes its span.

        Args:
            traceparent: of whoever caused it, if that is known.
            trusted: whether the caller may say that it is kept. Clients may not: everybody has a write key.
        """
        caller = parse_traceparent(traceparent)
        span_id = self._random.getrandbits(64) or 1
        drawn = self._random.random() < self._ratio and self._may_draw()
        if caller is not None:
            drawn = drawn or (trusted and caller.drawn)
            return TraceContext(caller.trace_id, span_id, drawn, caller.span_id)
        return TraceContext(self._random.getrandbits(128) or 1, span_id, drawn)

    def _may_draw(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._drawn = second, 0
        self._drawn += 1
        return self._drawn <= _MOST_DRAWN or self._ratio >= 1

    def keeps(self, context: TraceContext, began: int, ended: int) -> bool:
        """Whether something that did not fail is kept. Times are nanoseconds since 1970, here and below."""
        return context.drawn or ended - began > self.slow_seconds * 1e9

    def kept(self, batches: Iterable[TracedBatch], now: int) -> list[tuple[TracedBatch, TraceContext]]:
        """Return those of clients' batches that are drawn, and some of those that take too long.

        Args:
            batches: that went through something together.
            now: nanoseconds since 1970.
        """
        # Of a hundred batches ninety-nine are neither: these two looks are all that they may cost.
        slow_before = datetime.fromtimestamp(now / 1e9 - self.slow_seconds, UTC)
        drawn: list[tuple[TracedBatch, TraceContext]] = []
        slow: list[tuple[TracedBatch, TraceContext]] = []
        for batch in batches:
            is_late = len(slow) < _MOST_SLOW and batch.received_at < slow_before
            if not is_late and batch.traceparent[_DRAWN_DIGIT] not in _ODD_DIGITS:
                continue
            context = parse_traceparent(batch.traceparent)
            if context is not None and (context.drawn or is_late):
                (drawn if context.drawn else slow).append((batch, context))
        return [*drawn, *slow]

    def end(
        self,
        name: str,
        context: TraceContext,
        began: int,
        ended: int,
        attributes: Mapping[str, Any],
        *,
        error: str | None = None,
        kind: SpanKind = SpanKind.SERVER,
    ) -> None:
        """Make the span of a context that :meth:`begin` returned."""
        self._span(name, context, context.parent, began, ended, attributes, error, kind)

    def step(
        self,
        name: str,
        within: TraceContext,
        began: int,
        ended: int,
        attributes: Mapping[str, Any],
        *,
        error: str | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> TraceContext:
        """Make a span below another, and return its context."""
        context = TraceContext(within.trace_id, self._random.getrandbits(64) or 1, within.drawn)
        self._span(name, context, within.span_id, began, ended, attributes, error, kind)
        return context

    def _span(
        self,
        name: str,
        context: TraceContext,
        parent: int | None,
        began: int,
        ended: int,
        attributes: Mapping[str, Any],
        error: str | None,
        kind: SpanKind,
    ) -> None:
        self._ids.next.ids = (context.trace_id, context.span_id)
        above = (
            trace.INVALID_SPAN
            if parent is None
            else NonRecordingSpan(
                SpanContext(context.trace_id, parent, is_remote=True, trace_flags=TraceFlags(1))
            )
        )
        span = self._tracer.start_span(
            name, trace.set_span_in_context(above), kind, dict(attributes), start_time=began
        )
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(max(began, ended))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class _Process:
    tracing: Tracing | None = None


def current_tracing() -> Tracing | None:
    """Return this process's tracing; ``None`` where there is no collector."""
    return _Process.tracing


def use_tracing(tracing: Tracing | None) -> None:
    """Set this process's tracing, once, before it does anything."""
    _Process.tracing = tracing


def start_tracing(otlp_url: str | None, service: str, *, ratio: float, slow_seconds: float) -> None:
    """Send this process's traces to a collector.

    Args:
        otlp_url: takes OTLP over HTTP, such as ``http://jaeger:4318``; ``None`` for no traces.
        service: as for :class:`Tracing`, like all that follows.
        ratio: likewise.
        slow_seconds: likewise.
    """
    if otlp_url is None:
        return
    # Protobuf and an HTTP client, which nobody else needs.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    exporter = OTLPSpanExporter(f"{otlp_url.rstrip('/')}/v1/traces")
    use_tracing(Tracing(exporter, service, ratio=ratio, slow_seconds=slow_seconds))
    _log.info("traces are sent", collector=otlp_url, ratio=ratio)
