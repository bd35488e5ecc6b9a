"""What is kept, and how contexts travel."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from schemas.stored import StoredBatch, TracedBatch
from sinks.write_traces import trace_write
from smolhog.tracing import TraceContext, Tracing, nanoseconds, parse_traceparent

SECOND = 10**9
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _tracing(ratio: float) -> tuple[Tracing, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    return Tracing(exporter, "test", ratio=ratio, slow_seconds=2.0), exporter


@given(trace_id=st.integers(1, 2**128 - 1), span_id=st.integers(1, 2**64 - 1), drawn=st.booleans())
def test_a_context_survives_its_way_through_the_log(trace_id: int, span_id: int, *, drawn: bool) -> None:
    """What a ``traceparent`` is made of is read from it again."""
    context = TraceContext(trace_id, span_id, drawn)
    assert parse_traceparent(str(context)) == context


@given(st.text(max_size=70))
def test_text_that_is_no_traceparent_says_nothing(text: str) -> None:
    """Anybody may send any header."""
    context = parse_traceparent(text)
    assert context is None or context.trace_id


@pytest.mark.parametrize(
    "text", [None, "", "00-0-0-01", f"00-{'0' * 32}-{'1' * 16}-01", f"ff-{'1' * 32}-{'1' * 16}-01"]
)
def test_a_traceparent_without_ids_says_nothing(text: str | None) -> None:
    """Neither do one of zeros and one of the forbidden version."""
    assert parse_traceparent(text) is None


def test_a_caller_names_the_trace_and_only_a_trusted_one_has_it_kept() -> None:
    """Write keys are in everybody's hands, so a client cannot make the server trace all it sends."""
    tracing, _ = _tracing(0)
    caller = f"00-{'a' * 32}-{'b' * 16}-01"
    begun = tracing.begin(caller)
    assert (begun.trace, begun.parent, begun.drawn) == ("a" * 32, int("b" * 16, 16), False)
    assert tracing.begin(caller, trusted=True).drawn


def test_a_slow_batch_is_kept_though_it_was_not_drawn() -> None:
    """Whether it was slow is known only at its end."""
    tracing, _ = _tracing(0)
    context = tracing.begin()
    assert not tracing.keeps(context, 0, SECOND)
    assert tracing.keeps(context, 0, 3 * SECOND)


def test_of_a_backlog_few_batches_are_kept() -> None:
    """All of them are slow; those that were drawn are kept beside a handful of the others."""
    tracing, _ = _tracing(0)
    late = [TracedBatch(str(tracing.begin()), NOW - timedelta(seconds=60), 1) for _ in range(50)]
    drawn = TracedBatch(f"00-{'a' * 32}-{'b' * 16}-01", NOW, 1)
    kept = tracing.kept([*late, drawn], nanoseconds(NOW))
    assert kept[0][0] is drawn
    assert len(kept) == 6


def test_a_failed_write_is_kept_with_its_error() -> None:
    """One trace tells what happened to its batch."""
    tracing, exporter = _tracing(0)
    batch = StoredBatch([], frozenset(), [], 1, None, traced=(TracedBatch(str(tracing.begin()), NOW, 1),))
    found = trace_write(tracing, "postgres", [batch], nanoseconds(NOW), nanoseconds(NOW) + 5, "away")
    tracing.close()
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.status.description) == ("write postgres", "away")
    assert found == [f"{span.context.trace_id:032x}"]
