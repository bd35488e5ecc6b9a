"""What a flow under test runs on: a log, indexes and sinks in memory, and crashes where the test wants them."""

from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import Any

from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition

from dataflows.deleted_people import DeletedPeople
from dataflows.kit.batch import EventBatch
from dataflows.kit.decoding import BatchDecoder
from dataflows.kit.flow import Flow
from dataflows.kit.lookups import Answer
from dataflows.kit.sink import FlowSink, Item, ItemSink, SinkContext
from dataflows.kit.testing.twins import Row, Twin, twin_of
from event_log.port import Message
from schemas.limits import DEFAULT_LIMITS


class Crash(Exception):  # noqa: N818 - names what happens
    """The process dies here."""


class CrashPoints:
    """Counts the moments at which a process may die, and lets it die at one of them, once.

    Args:
        at: which moment, from 1; ``None`` for never.
    """

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.passed = 0
        self.crashed = False
        self.crashed_at = ""

    def is_now(self, where: str) -> bool:
        """Pass a moment; tells whether to die."""
        self.passed += 1
        if self.crashed or self.passed != self._at:
            return False
        self.crashed = True
        self.crashed_at = where
        return True


class MemoryIndex:
    """A dedup index that outlives crashes, as one on disk does."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def get(self, keys: list[bytes]) -> Sequence[bytes | None]:
        """Return the value under each key."""
        return [self._known.get(key) for key in keys]

    def put(self, entries: dict[bytes, bytes]) -> None:
        """Store entries."""
        self._known |= entries


class MemoryRuntime:
    """The runtime of a flow under test; one for all of its lives.

    Args:
        flow: which one.
        partitions: of the log.
        tables: of joins, by step.
        points: where to crash.
    """

    def __init__(
        self,
        flow: Flow,
        partitions: tuple[str, ...],
        tables: dict[str, dict[Any, Row]],
        points: CrashPoints,
    ) -> None:
        self.flow = flow
        self.partitions = partitions
        self.tables = tables
        self.twins: dict[str, Twin] = {}
        self._points = points
        self._indexes: dict[tuple[str, str], MemoryIndex] = {}

    def index(self, step: str, partition: str, days: int) -> MemoryIndex:
        """Return the index of a step and partition."""
        del days
        return self._indexes.setdefault((step, partition), MemoryIndex())

    def lookup(self, step: str, query: str, refresh: timedelta, most: int) -> "_MemoryTable":
        """Return the table that the test made for a join."""
        del query, refresh, most
        return _MemoryTable(self.tables.get(step, {}))

    def want_ticks(self) -> None:
        """Time passes when the test says so."""

    def sink(self, step: str, declared: FlowSink) -> ItemSink:
        """Return the twin of a sink."""
        context = SinkContext(self.flow.name, self.flow.version, step, 1, self.partitions, "", "", _no_log)
        twin = self.twins.setdefault(step, twin_of(declared, context))
        return ItemSink(_CrashingWriter(twin, step, self._points), self.flow.name, step)

    def effect(self) -> dict[str, list[Row]]:
        """Return what all outputs hold, in an order of its own."""
        return {step: sorted(twin.rows(), key=repr) for step, twin in self.twins.items()}


class _MemoryTable:
    def __init__(self, rows: dict[Any, Row]) -> None:
        self._rows = rows

    def ask(self, keys: list[Hashable]) -> dict[Hashable, Answer]:
        return {key: list(self._rows[key].values()) if key in self._rows else None for key in keys}


async def _no_log(url: str, partitions: int) -> Any:
    raise AssertionError(f"a test opens no log: {url}, {partitions} partitions")


class _CrashingWriter:
    def __init__(self, twin: Twin, step: str, points: CrashPoints) -> None:
        self._twin = twin
        self._step = step
        self._points = points

    def write(self, items: list[Item]) -> None:
        if self._points.is_now(f"before {self._step} writes"):
            raise Crash
        self._twin.write(items)
        if self._points.is_now(f"after {self._step} wrote"):
            raise Crash

    def close(self) -> None:
        """What it wrote stays for the test to look at."""


class MessageSource(FixedPartitionedSource[tuple[str, EventBatch], int]):
    """The messages that a test made, one after the other.

    Args:
        messages: by partition.
        runtime: has the index of ids.
        points: where to crash.
    """

    def __init__(
        self, messages: dict[str, list[Message]], runtime: MemoryRuntime, points: CrashPoints
    ) -> None:
        self._messages = messages
        self._runtime = runtime
        self._points = points

    def list_parts(self) -> list[str]:
        """Return the partitions."""
        return list(self._messages)

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "_Messages":
        """Begin to read one."""
        del step_id
        decoder = BatchDecoder(
            self._runtime.flow.name,
            for_part,
            self._runtime.index("source", for_part, 8),
            DEFAULT_LIMITS,
            DeletedPeople(),
        )
        return _Messages(for_part, self._messages[for_part], resume_state or 0, decoder, self._points)


class _Messages(StatefulSourcePartition[tuple[str, EventBatch], int]):
    def __init__(
        self, partition: str, messages: list[Message], offset: int, decoder: BatchDecoder, points: CrashPoints
    ) -> None:
        self._partition = partition
        self._messages = messages
        self._offset = offset
        self._decoder = decoder
        self._points = points

    def next_batch(self) -> list[tuple[str, EventBatch]]:
        if self._offset >= len(self._messages):
            raise StopIteration
        if self._points.is_now(f"before message {self._offset} of partition {self._partition}"):
            raise AbortExecution
        message = self._messages[self._offset]
        self._offset += 1
        return [(self._partition, batch) for batch in self._decoder.decode([message])]

    def snapshot(self) -> int:
        return self._offset
