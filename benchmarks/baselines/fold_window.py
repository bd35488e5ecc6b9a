"""Events by name and minute in plain Bytewax: one item an event, and `fold_window`.

Run as ``python -m benchmarks.baselines.fold_window EVENTS_FILE COUNTS_FILE``, a JSON object a line in the
first. Prints how many seconds the flow ran.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition, batch
from bytewax.operators import KeyedStream
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main

ALIGN_TO = datetime(2020, 1, 1, tzinfo=UTC)
"""Windows are numbered from here."""
_READ_LINES = 500
_MINUTE = timedelta(minutes=1)


class _Lines(FixedPartitionedSource[bytes, None]):
    def __init__(self, file: Path) -> None:
        self._file = file

    def list_parts(self) -> list[str]:
        return ["all"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_LinesOfFile":
        del step_id, for_part, resume_state
        return _LinesOfFile(self._file)


class _LinesOfFile(StatefulSourcePartition[bytes, None]):
    def __init__(self, file: Path) -> None:
        self._batches: Iterator[list[bytes]] = batch(file.open("rb"), _READ_LINES)

    def next_batch(self) -> list[bytes]:
        return next(self._batches)

    def snapshot(self) -> None:
        return None


class _CountsFile(FixedPartitionedSink[str, None]):
    def __init__(self, file: Path) -> None:
        self._file = file

    def list_parts(self) -> list[str]:
        return ["all"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_Counts":
        del step_id, for_part, resume_state
        return _Counts(self._file.open("w"))


class _Counts(StatefulSinkPartition[str, None]):
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write_batch(self, values: list[str]) -> None:
        self._file.writelines(f"{line}\n" for line in values)
        self._file.flush()

    def snapshot(self) -> None:
        return None


def _time_of(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def counts_by_minute(
    keyed: KeyedStream[Any], time_of: Callable[[Any], datetime]
) -> KeyedStream[tuple[int, int]]:
    """Wire ``fold_window`` with its fastest options; each key's windows come once: minutes since 2020, count.

    Args:
        keyed: events, out of order by a minute at most.
        time_of: returns when one happened.
    """
    windows = fold_window(
        "count",
        keyed,
        # Longer than events are out of order: none of them is late.
        EventClock(time_of, wait_for_system_duration=2 * _MINUTE),
        TumblingWindower(length=_MINUTE, align_to=ALIGN_TO),
        lambda: 0,
        lambda count, _: count + 1,
        lambda left, right: left + right,
        # Several times as fast as with the default, which sorts the events of a window.
        ordered=False,
    )
    return windows.down


def counting_flow(events: Path, counts: Path) -> Dataflow:
    """Wire the flow; ``counts`` gets a JSON array a line: event, minutes since 2020, count."""
    flow = Dataflow("counts")
    lines = op.input("lines", flow, _Lines(events))
    decoded = op.map("decode", lines, json.loads)
    keyed = op.key_on("by_event", decoded, lambda event: str(event["event"]))
    counted = counts_by_minute(keyed, _time_of)
    formatted = op.map("format", counted, lambda item: (item[0], json.dumps([item[0], *item[1]])))
    op.output("write", formatted, _CountsFile(counts))
    return flow


if __name__ == "__main__":
    began = time.perf_counter()
    run_main(counting_flow(Path(sys.argv[1]), Path(sys.argv[2])))  # type: ignore[no-untyped-call] # as all of Bytewax's compiled part
    print(time.perf_counter() - began)
