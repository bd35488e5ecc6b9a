"""Events by name and minute: the kit's windows against Bytewax's own, over the same events in memory.

Both run on Bytewax, in one worker, without recovery, in this process; what is measured is its CPU time.
The kit's step gets batches of decoded events, ``fold_window`` gets decoded events.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, run_main

from benchmarks.baselines.fold_window import ALIGN_TO, counts_by_minute
from benchmarks.results import Group, LossCheck, Result
from benchmarks.traffic import encoded_events
from dataflows.kit import WindowRows, count, tumbling_windows
from dataflows.kit.batch import EventBatch, EventColumns
from schemas.wire import WireEvent

_MINUTE = timedelta(minutes=1)
_BATCH = 500
"""Events that either source hands out at once."""

Counts = Counter[tuple[str, int]]
"""(event, minutes since 1970) -> events"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the same count cost."""

    events: int
    kit_seconds: float
    fold_seconds: float
    kit_counts: Counts
    fold_counts: Counts

    @property
    def ratio(self) -> float:
        """How many times as fast the kit is."""
        return self.fold_seconds / self.kit_seconds


def decoded_events(number: int) -> list[WireEvent]:
    """Make events, decoded, in the order of their times, which is roughly that in which they arrive."""
    decode = msgspec.json.Decoder(WireEvent).decode
    encoded = sorted(
        (each for each, _ in encoded_events(number, seed=1)), key=lambda each: _time_of(decode(each))
    )
    # Decoded in that order: events that lie side by side in memory, as those of a message do.
    return [decode(each) for each in encoded]


def compare_windows(events: list[WireEvent], *, rounds: int = 3) -> Comparison:
    """Count the same events in both, in turns; the best round of each counts."""
    batches = [
        _batch(begin // _BATCH, events[begin : begin + _BATCH]) for begin in range(0, len(events), _BATCH)
    ]
    kit: list[float] = []
    fold: list[float] = []
    kit_counts: Counts = Counter()
    fold_counts: Counts = Counter()
    for _ in range(rounds):
        kit_counts, fold_counts = Counter(), Counter()
        kit.append(_cpu_seconds(kit_flow(batches, kit_counts)))
        fold.append(_cpu_seconds(fold_flow(events, fold_counts)))
    return Comparison(len(events), min(kit), min(fold), kit_counts, fold_counts)


def measure_windows(number: int, rounds: int) -> list[Result]:
    """Compare both over as many events; each is checked against the other."""
    compared = compare_windows(decoded_events(number), rounds=rounds)
    return [
        Result(
            name=f"flow-window-{name}",
            title=title,
            group=Group.FLOW,
            events=number,
            seconds=seconds,
            checks=(
                LossCheck("events counted", number, counts.total()),
                LossCheck("windows as the other has them", len(other), len(counts.items() & other.items())),
            ),
            cpu_microseconds={"flow": seconds / number * 1e6},
        )
        for name, title, seconds, counts, other in (
            (
                "kit",
                "Decoded events by name and minute: `tumbling_windows`",
                compared.kit_seconds,
                compared.kit_counts,
                compared.fold_counts,
            ),
            (
                "fold",
                "… the same events with Bytewax's own `fold_window`",
                compared.fold_seconds,
                compared.fold_counts,
                compared.kit_counts,
            ),
        )
    ]


def kit_flow(batches: list[EventBatch], counts: Counts) -> Dataflow:
    """Wire the kit's windows; ``counts`` gets the newest number of each."""
    flow = Dataflow("kit")
    stream = op.input("in", flow, TestingSource([("0", batch) for batch in batches]))
    windows = tumbling_windows("count", stream, length=_MINUTE, by={"event": "event"}, values={"n": count()})

    def keep(item: tuple[str, WindowRows]) -> None:
        rows = item[1]
        for window in [*rows.changed, *(window for _, closed in rows.closed for window in closed)]:
            counts[window.key[1], window.start // 60] = window.states[0]

    op.output("out", windows, Into(keep))
    return flow


def fold_flow(events: list[WireEvent], counts: Counts) -> Dataflow:
    """Wire ``fold_window`` with its fastest options; ``counts`` gets each number once."""
    flow = Dataflow("fold")
    stream = op.input("in", flow, TestingSource(events, batch_size=_BATCH))
    keyed = op.key_on("by_event", stream, lambda event: event.event)
    counted = counts_by_minute(keyed, _time_of)
    offset = int(ALIGN_TO.timestamp()) // 60

    def keep(item: tuple[str, tuple[int, int]]) -> None:
        name, (window, number) = item
        counts[name, window + offset] += number

    op.output("out", counted, Into(keep))
    return flow


def _time_of(event: WireEvent) -> datetime:
    assert event.timestamp is not None
    return event.timestamp


def _cpu_seconds(flow: Dataflow) -> float:
    began = time.process_time()
    run_main(flow)  # type: ignore[no-untyped-call] # as all of Bytewax's compiled part
    return time.process_time() - began


def _batch(offset: int, events: list[WireEvent]) -> EventBatch:
    times = [_time_of(event) for event in events]
    number = len(events)
    columns = EventColumns(
        indexes=list(range(number)),
        project_ids=[1] * number,
        event_ids=[event.event_id or "" for event in events],
        names=[event.event for event in events],
        distinct_ids=[event.distinct_id for event in events],
        timestamps=times,
        received_ats=times,
        session_ids=[event.session_id for event in events],
        properties=[{}] * number,
    )
    return EventBatch("0", offset, 0.0, columns)


class Into(DynamicSink[Any]):
    """Hands items to a function; keeps nothing itself.

    Args:
        keep: is given each item.
    """

    def __init__(self, keep: Callable[[Any], None]) -> None:
        self._keep = keep

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_IntoPart":
        """Return what hands them over."""
        del step_id, worker_index, worker_count
        return _IntoPart(self._keep)


class _IntoPart(StatelessSinkPartition[Any]):
    def __init__(self, keep: Callable[[Any], None]) -> None:
        self._keep = keep

    def write_batch(self, items: list[Any]) -> None:
        for item in items:
            self._keep(item)


if __name__ == "__main__":
    comparison = compare_windows(decoded_events(200_000))
    same = "same" if comparison.kit_counts == comparison.fold_counts else "DIFFERENT"
    for name, seconds in (("kit", comparison.kit_seconds), ("fold_window", comparison.fold_seconds)):
        print(f"{name}: {seconds / comparison.events * 1e6:.3f} µs of CPU time an event")
    print(f"{comparison.ratio:.1f} times as fast, {same} results in {len(comparison.kit_counts)} windows")
