"""Events by name and minute in plain Bytewax: one item an event, and `fold_window`.

Run as ``python -m benchmarks.baselines.fold_window EVENTS_FILE COUNTS_FILE``, a JSON object a line in the
first. Prints how many seconds the flow ran.
"""

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition, batch
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main

_READ_LINES = 500
_ALIGN_TO = datetime(2020, 1, 1, tzinfo=UTC)
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


def counting_flow(events: Path, counts: Path) -> Dataflow:
    """Wire the flow; ``counts`` gets a JSON array a line: event, minutes since 2020, count."""
    flow = Dataflow("counts")
    lines = op.input("lines", flow, _Lines(events))
    decoded = op.map("decode", lines, json.loads)
    keyed = op.key_on("by_event", decoded, lambda event: str(event["event"]))
    windows = fold_window(
        "count",
        keyed,
        # The events lie within a minute, in no order: none of them is late.
        EventClock(_time_of, wait_for_system_duration=2 * _MINUTE),
        TumblingWindower(length=_MINUTE, align_to=_ALIGN_TO),
        lambda: 0,
        lambda count, _: count + 1,
        lambda left, right: left + right,
        # Several times as fast as with the default, which sorts the events of a window.
        ordered=False,
    )
    formatted = op.map(
        "format", windows.down, lambda counted: (counted[0], json.dumps([counted[0], *counted[1]]))
    )
    op.output("write", formatted, _CountsFile(counts))
    return flow


if __name__ == "__main__":
    began = time.perf_counter()
    run_main(counting_flow(Path(sys.argv[1]), Path(sys.argv[2])))  # type: ignore[no-untyped-call] # as all of Bytewax's compiled part
    print(time.perf_counter() - began)
