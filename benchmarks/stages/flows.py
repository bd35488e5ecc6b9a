"""What each step of a flow costs by itself: decoded messages through one step in Bytewax, on one core.

For steps the seconds are CPU time of the thread that runs them; for outputs, which wait for a store, they are time.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bytewax.operators as op
import psycopg
from bytewax.inputs import Source
from bytewax.testing import TestingSource, run_main

from benchmarks.messages import LOG_ID, PARTITIONS, log_messages, with_offsets
from benchmarks.results import Group, LossCheck, Result
from benchmarks.rounds import Best
from benchmarks.services import StoreUrls
from benchmarks.stages.flow_steps import USERS, Case, cases
from benchmarks.stages.windows import Into
from dataflows.dedup_index import RocksDedupIndex
from dataflows.deleted_people import DeletedPeople
from dataflows.kit import Events, Flow, LogSource, Rows, WindowRows
from dataflows.kit.batch import EventBatch, EventColumns
from dataflows.kit.decoding import BatchDecoder
from dataflows.kit.runtime import ProcessRuntime
from dataflows.kit.sink import FLUSH_ROWS
from dataflows.kit.ticks import Ticks
from event_log.port import EventLog
from schemas.limits import Limits
from smolhog.garbage import spared_collections

Item = tuple[str, EventBatch]
_DAYS = 8


def measure_flows(urls: StoreUrls, events: int, rounds: int) -> list[Result]:
    """Measure every step, and decoding, which comes before all of them.

    Args:
        urls: of stores with schema.
        events: in all messages.
        rounds: of which the best counts.
    """
    _make_plans(urls.postgres)
    best = Best()
    for _ in range(rounds):
        with spared_collections(rare=True), tempfile.TemporaryDirectory(prefix="smolhog-bench-") as name:
            items, decoding = _decoded(events, Path(name))
            best.add(decoding)
            for case in cases():
                with _runtime(Path(name) / case.name, urls) as runtime:
                    best.add(_measured(case, items, events, runtime))
    return best.results


def _measured(case: Case, items: list[Item], events: int, runtime: ProcessRuntime) -> Result:
    found = Found()
    flow = Flow("cost", source=LogSource())

    @flow.steps
    def steps(up: Events) -> None:
        op.output("out", case.wire(up), Into(found.take))

    source: Source[Item] = TestingSource(_fresh(items))
    dataflow = flow.build(source, runtime)
    began = time.thread_time()
    run_main(dataflow)  # type: ignore[no-untyped-call] # as all of Bytewax's compiled part
    seconds = time.thread_time() - began
    expected = round(events * case.share) if case.share > 0 else found.events
    return _result(f"flow-{case.name}", case.title, events, seconds, expected, found.events)


class Found:
    """Counts the events that came out of a step, or that are counted by what came out."""

    def __init__(self) -> None:
        self._passed = 0
        self._windows: dict[Any, int] = {}

    @property
    def events(self) -> int:
        """So far."""
        return self._passed + sum(self._windows.values())

    def take(self, item: tuple[str, Any]) -> None:
        """Take what came out."""
        value = item[1]
        if isinstance(value, WindowRows):
            for window in [*value.changed, *(window for _, closed in value.closed for window in closed)]:
                self._windows[window.key, window.start, window.partition, window.segment] = window.states[0]
        elif isinstance(value, Rows):
            windows = [row for row in value.rows if hasattr(row, "states")]
            self._passed += sum(window.states[0] for window in windows)
            self._passed += len(value.rows) - len(windows)
        else:
            self._passed += len(value)


def _decoded(events: int, folder: Path) -> tuple[list[Item], Result]:
    """Decode messages as a flow's source does; at last a message of the day after closes what is open."""
    batches: list[list[EventBatch]] = []
    seconds = 0.0
    for partition, bodies in log_messages(events).items():
        index = RocksDedupIndex(folder / f"ids-{partition}", _DAYS)
        decoder = BatchDecoder("cost", str(partition), index, Limits(), DeletedPeople([]))
        messages = with_offsets(bodies)
        began = time.thread_time()
        decoded = decoder.decode(messages)
        seconds += time.thread_time() - began
        index.close()
        last = decoded[-1]
        nothing = EventColumns([], [], [], [], [], [], [], [], [])
        decoded.append(EventBatch(last.partition, last.offset + 1, last.log_time + 86_400, nothing))
        batches.append(decoded)
    # As messages of all partitions come: in turns.
    longest = max(map(len, batches))
    items = [(each[i].partition, each[i]) for i in range(longest) for each in batches if i < len(each)]
    found = sum(len(batch) for _, batch in items)
    return items, _result(
        "flow-decode", "`LogSource`: decode, check, drop repeated ids", events, seconds, events, found
    )


def _fresh(items: list[Item]) -> list[Item]:
    """Return batches that remember nothing of earlier steps."""
    return [
        (partition, EventBatch(partition, batch.offset, batch.log_time, batch.columns))
        for partition, batch in items
    ]


def _result(name: str, title: str, events: int, seconds: float, expected: int, found: int) -> Result:
    return Result(
        name=name,
        title=title,
        group=Group.FLOW,
        events=events,
        seconds=seconds,
        checks=(LossCheck("events that came out or are counted", expected, found),),
        cpu_microseconds={"flow": seconds / events * 1e6},
    )


@contextmanager
def _runtime(folder: Path, urls: StoreUrls) -> Iterator[ProcessRuntime]:
    folder.mkdir()
    runtime = ProcessRuntime(
        flow=Flow("cost", source=LogSource()),
        folder=folder,
        log_id=LOG_ID,
        partitions=tuple(map(str, range(PARTITIONS))),
        dsn=urls.postgres,
        clickhouse_url=urls.clickhouse,
        open_log=_no_log,
        ticks=Ticks(lambda partition, body: None),  # noqa: ARG005 - nobody waits here
        flush_rows=FLUSH_ROWS,
    )
    try:
        yield runtime
    finally:
        runtime.close()


async def _no_log(name: str, partitions: int) -> EventLog:
    raise AssertionError(f"nobody opens {name}, {partitions}")


def _make_plans(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE plans (id text PRIMARY KEY, plan text NOT NULL)")
        with connection.cursor().copy("COPY plans FROM STDIN") as copy:
            for user in range(USERS):
                copy.write_row((f"user_{user}", "pro" if user % 3 else "free"))
