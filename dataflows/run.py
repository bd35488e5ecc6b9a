"""Runs the built-in dataflows of some partitions, until they are killed: a kill is their normal end.

A partition's flow keeps its thread to itself. The flows share the log's connection and the writer to
ClickHouse, which prefers few large inserts.

Everything that it keeps on disk lies in the partition's folder, so a partition moves to another
machine by moving its folder.
"""

import gc
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import stamina
from bytewax._bytewax import cluster_main
from bytewax.recovery import RecoveryConfig

from dataflows.beginning import Beginning
from dataflows.dedup_index import RocksDedupIndex
from dataflows.deleted_people import DeletedPeople, DeletedPerson
from dataflows.enrich import Enricher
from dataflows.errors import DataFolderFull, FolderOutdated
from dataflows.flow import build_flow
from dataflows.geo import no_geo, open_geo
from dataflows.lag import Progress
from dataflows.partition_folder import PartitionFolder, owned
from dataflows.pipeline import PartitionPipeline
from dataflows.remember import remember_ids
from dataflows.rollup import RollupCounter
from dataflows.source import EventLogSource
from dataflows.stores import StoresSink
from dataflows.watch import DataflowWatch, show_counters, watched
from event_log.blocking import BlockingLog
from event_log.port import EventLog
from schemas.limits import Limits
from sinks.background import BackgroundWriter
from sinks.clickhouse.writer import ClickHouseWriter
from sinks.errors import PartitionOwned, SinkUnavailable
from sinks.postgres.writer import PostgresWriter

_ITEM_BYTES = 1024**2
_EPOCH_BYTES = 16 * 1024**2
_CLICKHOUSE_QUEUE_BYTES = 64 * 1024**2
_FULL_BELOW_BYTES = 1024**2
_LIVE = timedelta(seconds=0.25)
"""How often totals go to ClickHouse, for whoever looks at a chart."""


@dataclass(frozen=True, slots=True)
class DataflowOptions:
    """What the dataflows of one process need.

    Attributes:
        partitions: which partitions of the log.
        open_log: opens the event log.
        postgres_dsn: where raw events go.
        clickhouse_url: where rollups and the columnar copy go.
        folder: holds the folders of the partitions that this machine serves.
        limits: what an event may hold.
        epoch: time between two snapshots.
        grace_seconds: log time after a bucket's end at which its cells are closed.
        breakdown_values: values of one property that are told apart.
        dedup_days: how long an id is remembered.
        max_rejected_ratio: of events that the dataflow refuses; above it, it stops.
        geoip_file: MaxMind database, or ``None``.
    """

    partitions: tuple[int, ...]
    open_log: Callable[[], Awaitable[EventLog]]
    postgres_dsn: str
    clickhouse_url: str
    folder: Path
    limits: Limits
    epoch: timedelta
    grace_seconds: int
    breakdown_values: int
    dedup_days: int
    max_rejected_ratio: float
    geoip_file: Path | None = None


def run_dataflows(options: DataflowOptions) -> None:
    """Run the flows of all partitions until killed. The first that fails ends this.

    Raises:
        PartitionOwned: another process serves one of the partitions.
        SinkError: a store refuses rows for good.
        EventLogError: the log has lost messages that were not stored.
        TooManyRejected: most events are refused.
        DataFolderFull: ids and state cannot be kept.
        FolderOutdated: another folder has gone on where this one was.
    """
    # Nothing here makes reference cycles batch by batch; what was imported stays for good.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    ended: SimpleQueue[BaseException] = SimpleQueue()
    with BlockingLog(options.open_log) as log:
        log_id = log.log_id()
        clickhouse = BackgroundWriter(
            ClickHouseWriter(options.clickhouse_url, log_id),
            "clickhouse",
            queue_bytes=_CLICKHOUSE_QUEUE_BYTES,
            prompt=True,
            pause_seconds=_live(options).total_seconds() / 2,
        )
        for partition in options.partitions:
            arguments = (options, partition, log, log_id, clickhouse, ended)
            Thread(target=_run_flow, args=arguments, name=f"flow-{partition}", daemon=True).start()
        raise ended.get()


def _live(options: DataflowOptions) -> timedelta:
    return min(_LIVE, options.epoch / 2)


def _run_flow(
    options: DataflowOptions,
    partition: int,
    log: BlockingLog,
    log_id: int,
    clickhouse: BackgroundWriter,
    ended: "SimpleQueue[BaseException]",
) -> None:
    failure: BaseException = RuntimeError("a dataflow ended by itself")
    path = options.folder / f"{log_id}-{partition}"
    try:
        with owned(path) as folder:
            _run(options, partition, log, log_id, clickhouse, folder)
    except BaseException as error:  # noqa: BLE001 - raised by the main thread; a panic in Rust is no Exception
        failure = _full_disk(partition, options.folder, error) or error
    ended.put(failure)


def _full_disk(partition: int, folder: Path, error: BaseException) -> DataFolderFull | None:
    """Say it if a flow ended because of a full disk.

    RocksDB, SQLite and a panic of Bytewax say it in ways of their own, or not at all; so the disk is asked.
    """
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= _FULL_BELOW_BYTES and "No space left" not in str(error):
        return None
    full = DataFolderFull(partition, folder, free)
    full.__cause__ = error
    return full


def _run(
    options: DataflowOptions,
    partition: int,
    log: BlockingLog,
    log_id: int,
    clickhouse: BackgroundWriter,
    folder: PartitionFolder,
) -> None:
    show_counters(partition)
    postgres = PostgresWriter(options.postgres_dsn, log_id, partition)
    stored = _position(postgres)
    _refuse_outdated(folder, partition, postgres)
    log_time = postgres.log_time()
    progress = Progress(stored, None if log_time is None else log_time.timestamp(), time.time())
    deleted = DeletedPeople(map(DeletedPerson._make, postgres.deleted_people()))
    index = RocksDedupIndex(folder.dedup, options.dedup_days)
    beginning = Beginning(
        partition,
        stored,
        log_time,
        lambda: ClickHouseWriter(options.clickhouse_url, log_id).written_to(partition),
        timedelta(seconds=options.grace_seconds),
        lambda begin, end: remember_ids(log, partition, begin, end, index, options.limits),
        lambda: postgres.record_folder(folder.id, folder.place),
    )
    enricher = Enricher(open_geo(options.geoip_file) if options.geoip_file else no_geo)
    folder.create_recovery_store()

    def sync() -> None:
        index.sync()
        folder.note_state()

    def make_rollups(state: bytes | None) -> RollupCounter:
        return RollupCounter(
            partition,
            options.grace_seconds,
            options.breakdown_values,
            state,
            counted_to=beginning.counted_to,
        )

    def make_pipeline(rollups: RollupCounter) -> PartitionPipeline:
        return PartitionPipeline(
            log_id=log_id,
            partition=partition,
            index=index,
            enricher=enricher,
            rollups=rollups,
            limits=options.limits,
            max_rejected_ratio=options.max_rejected_ratio,
            deleted=deleted,
        )

    to_postgres = BackgroundWriter(postgres, "postgres")
    flow = build_flow(
        partition=partition,
        source=EventLogSource(
            log, partition, batch_bytes=_ITEM_BYTES, epoch_bytes=_EPOCH_BYTES, beginning=beginning
        ),
        make_rollups=make_rollups,
        make_pipeline=make_pipeline,
        sync=sync,
        emit_every=_live(options),
        stores=StoresSink(partition, [to_postgres, clickhouse], progress),
    )
    watch = DataflowWatch(partition, log, progress, index, folder.path)
    try:
        with watched(watch):
            cluster_main(
                flow,
                [],
                0,
                epoch_interval=options.epoch,
                recovery_config=RecoveryConfig(str(folder.recovery)),
            )
    finally:
        to_postgres.close()
        index.close()


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
