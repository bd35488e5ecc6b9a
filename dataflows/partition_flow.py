"""All that the built-in dataflow of one partition consists of, put together.

Everything that it keeps on disk lies in the partition's folder, so a partition moves to another
machine by moving its folder.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import stamina

from dataflows.beginning import Beginning
from dataflows.dedup_index import RocksDedupIndex
from dataflows.deleted_people import DeletedPeople, DeletedPerson
from dataflows.enrich import Enricher
from dataflows.errors import FolderOutdated
from dataflows.flow import build_flow
from dataflows.geo import no_geo, open_geo
from dataflows.lag import Progress
from dataflows.options import DataflowOptions
from dataflows.partition_folder import PartitionFolder
from dataflows.pipeline import PartitionPipeline
from dataflows.remember import remember_ids
from dataflows.rollup import RollupCounter
from dataflows.source import EventLogSource
from dataflows.stores import StoresSink
from dataflows.watch import DataflowWatch, show_counters
from event_log.blocking import BlockingLog
from sinks.background import BackgroundWriter
from sinks.clickhouse.writer import ClickHouseWriter
from sinks.errors import PartitionOwned, SinkUnavailable
from sinks.postgres.writer import PostgresWriter

_ITEM_BYTES = 1024**2
_EPOCH_BYTES = 16 * 1024**2
_LIVE = timedelta(seconds=0.25)
"""How often totals go to ClickHouse, for whoever looks at a chart."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the flows of one process have in common."""

    options: DataflowOptions
    log: BlockingLog
    log_id: int
    clickhouse: BackgroundWriter


class PartitionFlow:
    """The dataflow of one partition, ready to run, and what it needs.

    Made once the partition's folder is owned. Waits until PostgreSQL has granted the partition, too.

    Args:
        shared: with the process's other flows.
        partition: which one.
        folder: of the partition.

    Raises:
        PartitionOwned: another process serves the partition.
        SinkError: PostgreSQL refuses.
        FolderOutdated: another folder has gone on where this one was.

    Attributes:
        dataflow: to be run by Bytewax.
        watch: measures it meanwhile.
    """

    def __init__(self, shared: Shared, partition: int, folder: PartitionFolder) -> None:
        self._shared = shared
        self._partition = partition
        self._folder = folder
        show_counters(partition)
        self._postgres = PostgresWriter(shared.options.postgres_dsn, shared.log_id, partition)
        stored = _position(self._postgres)
        _refuse_outdated(folder, partition, self._postgres)
        log_time = self._postgres.log_time()
        progress = Progress(stored, None if log_time is None else log_time.timestamp(), time.time())
        self._deleted = DeletedPeople(map(DeletedPerson._make, self._postgres.deleted_people()))
        self._index = RocksDedupIndex(folder.dedup, shared.options.dedup_days)
        self._beginning = self._make_beginning(stored, log_time)
        geoip_file = shared.options.geoip_file
        self._enricher = Enricher(open_geo(geoip_file) if geoip_file else no_geo)
        folder.create_recovery_store()
        self._to_postgres = BackgroundWriter(self._postgres, "postgres")
        self.dataflow = build_flow(
            partition=partition,
            source=EventLogSource(
                shared.log,
                partition,
                batch_bytes=_ITEM_BYTES,
                epoch_bytes=_EPOCH_BYTES,
                beginning=self._beginning,
            ),
            make_rollups=self._make_rollups,
            make_pipeline=self._make_pipeline,
            sync=self._sync,
            emit_every=emit_every(shared.options),
            stores=StoresSink(partition, [self._to_postgres, shared.clickhouse], progress),
        )
        self.watch = DataflowWatch(partition, shared.log, progress, self._index, folder.path)

    def close(self) -> None:
        """Let go of PostgreSQL and of the dedup index, once the dataflow has ended."""
        self._to_postgres.close()
        self._index.close()

    def _make_beginning(self, stored: int, log_time: datetime | None) -> Beginning:
        shared, partition, folder = self._shared, self._partition, self._folder
        options = shared.options
        return Beginning(
            partition,
            stored,
            log_time,
            lambda: ClickHouseWriter(options.clickhouse_url, shared.log_id).written_to(partition),
            timedelta(seconds=options.grace_seconds),
            lambda begin, end: remember_ids(shared.log, partition, begin, end, self._index, options.limits),
            lambda: self._postgres.record_folder(folder.id, folder.place),
        )

    def _make_rollups(self, state: bytes | None) -> RollupCounter:
        return RollupCounter(
            self._partition,
            self._shared.options.grace_seconds,
            self._shared.options.breakdown_values,
            state,
            counted_to=self._beginning.counted_to,
        )

    def _make_pipeline(self, rollups: RollupCounter) -> PartitionPipeline:
        return PartitionPipeline(
            log_id=self._shared.log_id,
            partition=self._partition,
            index=self._index,
            enricher=self._enricher,
            rollups=rollups,
            limits=self._shared.options.limits,
            max_rejected_ratio=self._shared.options.max_rejected_ratio,
            deleted=self._deleted,
        )

    def _sync(self) -> None:
        self._index.sync()
        self._folder.note_state()


def emit_every(options: DataflowOptions) -> timedelta:
    """Return the time between two emissions of events' totals."""
    return min(_LIVE, options.epoch / 2)


@stamina.retry(on=(SinkUnavailable, PartitionOwned), attempts=None, timeout=30.0, wait_max=1.0)
def _position(postgres: PostgresWriter) -> int:
    """Wait for PostgreSQL, and for a predecessor whose end it has not noticed yet.

    Owning the partition there keeps a second dataflow out on whatever machine.
    """
    return postgres.position()


def _refuse_outdated(folder: PartitionFolder, partition: int, postgres: PostgresWriter) -> None:
    """Keep out state that is older than that on which the numbers rest: it would count events again."""
    recorded = postgres.folder()
    if recorded is not None and recorded.folder_id != folder.id and folder.has_state:
        raise FolderOutdated(partition, folder.path, recorded.place, recorded.since)
