"""Events by name and minute with the kit for flows: a flow over a file, as somebody would write it.

Run as ``python -m benchmarks.stages.kit_window EVENTS_FILE COUNTS_FILE``; it is what
:mod:`benchmarks.baselines.fold_window` is for plain Bytewax, and drops repeated ids besides.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from bytewax.testing import run_main

from dataflows.kit import Events, FileSource, Flow, closed_windows, count, tumbling_windows, write
from dataflows.kit.file_partition import PARTITION, FilePartition
from dataflows.kit.progress import Progress
from dataflows.kit.runtime import ProcessRuntime
from dataflows.kit.sink import FLUSH_ROWS, Item, SinkContext
from dataflows.kit.sinks.row_columns import rows_of
from dataflows.kit.ticks import Ticks
from event_log.port import EventLog
from smolhog.garbage import spared_collections

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class CountsFile:
    """A JSON array a line: event, minutes since 1970, count."""

    file: TextIO

    def describe(self) -> str:
        """Say it in a few words."""
        return "file of counts"

    def open(self, context: SinkContext) -> "CountsFile":
        """Return what writes there: this."""
        del context
        return self

    def write(self, items: list[Item]) -> None:
        """Write windows."""
        for item in items:
            for window in rows_of(item):
                line = [window.by["event"], window.start // 60, window.values["events"]]
                self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def close(self) -> None:
        """Whoever opened the file closes it."""


def counting_flow(events: Path, counts: TextIO) -> Flow:
    """Declare the flow."""
    flow = Flow("counts", source=FileSource((str(events),)))

    @flow.steps
    def steps(stream: Events) -> None:
        minutes = tumbling_windows(
            "minutes", stream, length=_MINUTE, by={"event": "event"}, values={"events": count()}
        )
        write("counts", closed_windows("closed", minutes), CountsFile(counts))

    return flow


async def _no_log(name: str, partitions: int) -> EventLog:
    raise AssertionError(f"nobody opens {name}, {partitions}")


def run_counting(events: Path, counts: Path) -> float:
    """Run the flow; returns how many seconds it took."""
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as folder, counts.open("w") as file:
        flow = counting_flow(events, file)
        ticks = Ticks(lambda partition, body: None)  # noqa: ARG005 - files tell the time themselves
        place = (Path(folder), 0, (PARTITION,), "", "", _no_log)
        runtime = ProcessRuntime(flow, *place, ticks, FLUSH_ROWS)
        with spared_collections(rare=True):
            began = time.perf_counter()
            index = runtime.index("source", PARTITION, 8)
            source = FilePartition(FileSource((str(events),)), index, Progress(), lambda: None)
            run_main(flow.build(source, runtime))  # type: ignore[no-untyped-call] # as all of Bytewax's compiled part
            seconds = time.perf_counter() - began
        runtime.close()
    return seconds


if __name__ == "__main__":
    print(run_counting(Path(sys.argv[1]), Path(sys.argv[2])))
