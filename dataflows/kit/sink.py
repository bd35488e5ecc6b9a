"""How rows leave a flow: once in effect, whatever is killed.

A sink gathers what comes and writes it when it is much, and at the end of every epoch, before Bytewax keeps
the source's offset. After a crash the same rows come again from that offset on; each kind of sink knows
them by their place in the log:

* one that can store a position with the rows, in one transaction, skips what lies before it;
* one that keeps the newest version of a row may be given it again;
* one whose reader can tell repeats (an id in each row) leaves that to the reader.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import stamina
import structlog
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.rows import Rows, WindowRows
from event_log.port import EventLog
from sinks.errors import SinkUnavailable
from smolhog.metrics import FLOW_ROWS, FLOW_SINK_RETRIES

_log = structlog.get_logger()

Item = Rows[Any] | WindowRows

FLUSH_ROWS = 20_000
"""Rows that a sink gathers before it writes without waiting for the end of the epoch."""


class ItemWriter(Protocol):
    """Writes what one output of a flow is given, for all partitions."""

    def write(self, items: list[Item]) -> None:
        """Make items durable, in order, each partition's by rising offsets; return when they are.

        Raises:
            SinkUnavailable: not all is known to be stored; the same items are given again.
            SinkError: never mind the others, this can never be stored.
        """
        ...

    def close(self) -> None:
        """Let go of the store; called when a flow ends other than by a kill."""
        ...


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink needs to open itself.

    Attributes:
        flow: its name.
        version: of the flow.
        step: the output's.
        log_id: which log the offsets belong to.
        partitions: of the input.
        postgres_dsn: PostgreSQL.
        clickhouse_url: ClickHouse.
        open_log: opens another event log, by its name and number of partitions.
    """

    flow: str
    version: int
    step: str
    log_id: int
    partitions: tuple[str, ...]
    postgres_dsn: str
    clickhouse_url: str
    open_log: Callable[[str, int], Awaitable[EventLog]]

    @property
    def stream(self) -> str:
        """Names the output in positions and ids: no other has the same."""
        return f"{self.flow}.{self.version}.{self.step}"


class FlowSink(Protocol):
    """Where an output goes: a declaration, part of the flow's file."""

    def describe(self) -> str:
        """Say it in a few words, for people."""
        ...

    def open(self, context: SinkContext) -> ItemWriter:
        """Return what writes there."""
        ...


class ItemSink(FixedPartitionedSink[Item, None]):
    """Hands items to a writer; waits, and with it the flow, for as long as the store is away.

    It has one part whatever the input has: one transaction holds what came from all partitions.

    Args:
        writer: of one output.
        flow: for metrics and logs.
        step: likewise.
        flush_rows: see :data:`FLUSH_ROWS`.
    """

    def __init__(
        self, writer: ItemWriter, flow: str = "", step: str = "", flush_rows: int = FLUSH_ROWS
    ) -> None:
        self._writer = writer
        self._flow = flow
        self._step = step
        self._flush_rows = flush_rows

    def list_parts(self) -> list[str]:
        """Return the one part."""
        return ["all"]

    def part_fn(self, item_key: str) -> int:
        """Send every item there."""
        del item_key
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_Part":
        """Return it; the writer knows its own positions."""
        del step_id, for_part, resume_state
        return _Part(self._writer, self._flow, self._step, self._flush_rows)


class _Part(StatefulSinkPartition[Item, None]):
    def __init__(self, writer: ItemWriter, flow: str, step: str, flush_rows: int) -> None:
        self._writer = writer
        self._flow = flow
        self._step = step
        self._flush_rows = flush_rows
        self._items: list[Item] = []
        self._rows = 0
        self._offsets: dict[str, int] = {}

    def write_batch(self, values: list[Item]) -> None:
        for item in values:
            self._check_order(item)
            self._items.append(item)
            self._rows += rows_in(item)
            if self._rows >= self._flush_rows:
                self._flush()

    def snapshot(self) -> None:
        self._flush()

    def _check_order(self, item: Item) -> None:
        """An output knows a repeat by its place, so the second item of a place would be taken for one, and lost."""
        before = self._offsets.get(item.partition)
        if before is not None and item.offset <= before:
            raise FlowInvalid(
                f"output {self._step} was given offset {item.offset} of partition {item.partition} after {before}; "
                "streams that were merged have places twice: give each a `write` of its own"
            )
        self._offsets[item.partition] = item.offset

    def _flush(self) -> None:
        items, self._items = self._items, []
        rows, self._rows = self._rows, 0
        if not items:
            return
        for attempt in stamina.retry_context(on=SinkUnavailable, attempts=None, timeout=None, wait_max=5.0):
            with attempt:
                if attempt.num > 1:
                    FLOW_SINK_RETRIES.labels(self._flow, self._step).inc()
                self._writer.write(items)
        FLOW_ROWS.labels(self._flow, self._step).inc(rows)


def rows_in(item: Item) -> int:
    """Return how many rows an item holds."""
    if isinstance(item, WindowRows):
        return len(item.changed) + sum(len(windows) for _, windows in item.closed)
    return len(item.rows)
