"""Events by name and minute in Pathway: a tumbling window over a file of events, in its batch mode.

Run by an interpreter that has Pathway, which need not be the one that has SmolHog:
``python benchmarks/baselines/pathway_window.py EVENTS_FILE COUNTS_FILE``. Prints how many seconds it ran.
"""

import sys
import time
from datetime import timedelta

import pathway as pw  # type: ignore[import-not-found,unused-ignore] # lives in an environment of its own


class Event(pw.Schema):  # type: ignore[misc,unused-ignore] # see above
    """The columns that are read."""

    event: str
    timestamp: str


def main(events: str, counts: str) -> None:
    """Count and write a CSV file."""
    read = pw.io.jsonlines.read(events, schema=Event, mode="static")
    timed = read.select(read.event, at=read.timestamp.dt.strptime("%Y-%m-%dT%H:%M:%S.%fZ"))
    counted = timed.windowby(
        timed.at, window=pw.temporal.tumbling(duration=timedelta(minutes=1)), instance=timed.event
    ).reduce(event=pw.this._pw_instance, begin=pw.this._pw_window_start, events=pw.reducers.count())  # noqa: SLF001 - Pathway's own names for these
    pw.io.csv.write(counted, counts)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    began = time.perf_counter()
    main(sys.argv[1], sys.argv[2])
    print(time.perf_counter() - began)
