"""Spans of what a dataflow does to clients' batches."""

import time

from schemas.stored import StoredBatch, TracedBatch
from smolhog.tracing import TraceContext, Tracing, nanoseconds


class StepTimes:
    """When the steps of one item ended, in nanoseconds since 1970."""

    def __init__(self) -> None:
        self.began = time.time_ns()
        self.ended: list[tuple[str, int]] = []

    def end(self, step: str) -> None:
        """Note that a step has ended."""
        self.ended.append((step, time.time_ns()))


def trace_steps(tracing: Tracing, partition: int, batch: StoredBatch, times: StepTimes) -> StoredBatch:
    """Make the spans of an item.

    All that is in an item goes through each step at once, so the spans of its batches have the same times.

    Returns:
        ``batch``, so that the sinks' spans come below those made here.
    """
    kept = dict(tracing.kept(batch.traced, times.began))
    if not kept:
        return batch
    went_on = [
        TracedBatch(str(_steps_of(tracing, kept[traced], traced, partition, batch, times)), *traced[1:])
        if traced in kept
        else traced
        for traced in batch.traced
    ]
    return batch._replace(traced=tuple(went_on))


def _steps_of(
    tracing: Tracing,
    context: TraceContext,
    traced: TracedBatch,
    partition: int,
    batch: StoredBatch,
    times: StepTimes,
) -> TraceContext:
    tracing.step(
        "event log", context, nanoseconds(traced.received_at), times.began, {"smolhog.partition": partition}
    )
    attributes = {
        "smolhog.partition": partition,
        "smolhog.events": traced.events,
        "smolhog.item.messages": len(batch.messages),
        "smolhog.item.next_offset": batch.next_offset,
    }
    processed = tracing.step("dataflow", context, times.began, times.ended[-1][1], attributes)
    began = times.began
    for step, ended in times.ended:
        tracing.step(step, processed, began, ended, {})
        began = ended
    return processed
