"""Spans of writes to a store."""

from opentelemetry.trace import SpanKind

from schemas.stored import StoredBatch
from smolhog.tracing import Tracing

_MOST_FAILED = 5


def trace_write(
    tracing: Tracing, store: str, batches: list[StoredBatch], began: int, ended: int, error: str | None = None
) -> list[str]:
    """Make a span for each client's batch that is kept, below that of its way through the dataflow.

    Args:
        tracing: of this process.
        store: its name.
        batches: what was written in one go.
        began: nanoseconds since 1970.
        ended: likewise.
        error: why the write failed, if it did; then some batches are kept in any case.

    Returns:
        The ids of their traces, for logs.
    """
    traced = [client for batch in batches for client in batch.traced]
    kept = tracing.kept(traced, ended if error is None else _FAILED)[
        : None if error is None else _MOST_FAILED
    ]
    if not kept:
        return []
    attributes = {
        "db.system": store,
        "smolhog.write.messages": sum(len(batch.messages) for batch in batches),
        "smolhog.write.rollup_rows": sum(len(rows.totals) for batch in batches for rows in batch.rollups),
    }
    for _, context in kept:
        tracing.step(f"write {store}", context, began, ended, attributes, error=error, kind=SpanKind.CLIENT)
    return [context.trace for _, context in kept]


_FAILED = 2**62
"""A time at which everything is late."""
