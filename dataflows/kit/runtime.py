"""What the steps of a running flow ask for: folders, stores, the time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dataflows.dedup_index import RocksDedupIndex
from dataflows.kit.flow import Flow
from dataflows.kit.lookups import PostgresLookup
from dataflows.kit.sink import FlowSink, Item, ItemSink, ItemWriter, SinkContext
from dataflows.kit.ticks import Ticks
from event_log.port import EventLog


@dataclass
class ProcessRuntime:
    """The runtime of one process that runs one flow.

    Attributes:
        flow: which one.
        folder: of its state.
        log_id: of its input.
        partitions: of its input.
        dsn: PostgreSQL.
        clickhouse_url: ClickHouse.
        open_log: opens another event log, by its name and number of partitions.
        ticks: tells idle partitions the time.
        flush_rows: see :data:`dataflows.kit.sink.FLUSH_ROWS`.
    """

    flow: Flow
    folder: Path
    log_id: int
    partitions: tuple[str, ...]
    dsn: str
    clickhouse_url: str
    open_log: Callable[[str, int], Awaitable[EventLog]]
    ticks: Ticks
    flush_rows: int
    _indexes: list[RocksDedupIndex] = field(default_factory=list)
    _writers: list[ItemWriter] = field(default_factory=list)
    _lookups: list[PostgresLookup] = field(default_factory=list)

    def index(self, step: str, partition: str, days: int) -> RocksDedupIndex:
        """Open the index of a step and partition; it stays open as long as the process lives."""
        index = RocksDedupIndex(self.folder / "indexes" / f"{step.replace('.', '-')}-{partition}", days)
        self._indexes.append(index)
        return index

    def lookup(self, step: str, query: str, refresh: timedelta, most: int) -> PostgresLookup:
        """Return what asks PostgreSQL."""
        del step
        lookup = PostgresLookup(self.dsn, query, refresh.total_seconds(), most)
        self._lookups.append(lookup)
        return lookup

    def want_ticks(self) -> None:
        """Have idle partitions told the time."""
        self.ticks.wanted = True

    def sink(self, step: str, declared: FlowSink) -> ItemSink:
        """Open a sink; before it ends an epoch, what the indexes hold survives a power cut, too."""
        context = SinkContext(
            flow=self.flow.name,
            version=self.flow.version,
            step=step,
            log_id=self.log_id,
            partitions=self.partitions,
            postgres_dsn=self.dsn,
            clickhouse_url=self.clickhouse_url,
            open_log=self.open_log,
        )
        writer = _Synced(declared.open(context), self.sync)
        self._writers.append(writer)
        return ItemSink(writer, self.flow.name, step, self.flush_rows)

    def sync(self) -> None:
        """Make the indexes survive a power cut."""
        for index in self._indexes:
            index.sync()

    def close(self) -> None:
        """Let go of everything."""
        for writer in self._writers:
            writer.close()
        for lookup in self._lookups:
            lookup.close()
        for index in self._indexes:
            index.close()


class _Synced:
    def __init__(self, writer: ItemWriter, sync: Callable[[], None]) -> None:
        self._writer = writer
        self._sync = sync

    def write(self, items: list[Item]) -> None:
        self._sync()
        self._writer.write(items)

    def close(self) -> None:
        self._writer.close()
