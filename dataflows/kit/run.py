"""Runs a flow until it is killed, which is its normal end; a flow over files ends with them.

A flow has a process of its own and one worker over all partitions of its input, so that steps may bring
partitions together (see docs/adr/0007-flows-of-the-kit.md). All that it keeps on disk lies in its folder.
"""

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree

import psycopg
import structlog
from bytewax._bytewax import cluster_main
from bytewax.inputs import Source
from bytewax.recovery import RecoveryConfig

from dataflows.dedup_index import RocksDedupIndex
from dataflows.deleted_people import DeletedPeople, DeletedPerson
from dataflows.kit.backfill import BackfilledPartitions
from dataflows.kit.decoding import BatchDecoder
from dataflows.kit.errors import FlowError
from dataflows.kit.file_partition import PARTITION as FILE_PARTITION
from dataflows.kit.file_partition import FilePartition
from dataflows.kit.flow import Flow, Input
from dataflows.kit.inputs import BackfillSource, FileSource, LogSource
from dataflows.kit.log_partitions import KeyedBatch, LogPartitions
from dataflows.kit.migrations import migrate_flow
from dataflows.kit.ownership import owned_folder, owned_in_postgres
from dataflows.kit.progress import Progress, read_done, store_progress
from dataflows.kit.raw_events import note_parts
from dataflows.kit.reasons import reasons
from dataflows.kit.runtime import ProcessRuntime
from dataflows.kit.sink import FLUSH_ROWS
from dataflows.kit.starts import find_starts
from dataflows.kit.ticks import Ticks
from dataflows.kit.watch import FlowWatch
from dataflows.recovery import create_recovery_store
from event_log.blocking import BlockingLog
from event_log.errors import EventLogError
from event_log.port import EventLog
from schemas.limits import DEFAULT_LIMITS, Limits
from sinks.errors import SinkError
from sinks.postgres.deleted_people import read_deleted
from smolhog.garbage import spared_collections

_log = structlog.get_logger()

_FILES = 0
"""Stands for the log that files are not."""


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """What a process that runs a flow needs.

    Attributes:
        data: holds the folders of all flows.
        open_log: opens the event log.
        partitions: of the event log.
        postgres_dsn: PostgreSQL, with SmolHog's schema.
        clickhouse_url: ClickHouse.
        open_stream: opens another event log, by its name and number of partitions.
        limits: what an event may hold.
        dedup_days: how long an id is remembered.
        tick_seconds: time for which a partition is idle before it is told the time.
        flush_rows: see :data:`dataflows.kit.sink.FLUSH_ROWS`.
    """

    data: Path
    open_log: Callable[[], Awaitable[EventLog]]
    partitions: int
    postgres_dsn: str
    clickhouse_url: str
    open_stream: Callable[[str, int], Awaitable[EventLog]]
    limits: Limits = DEFAULT_LIMITS
    dedup_days: int = 8
    tick_seconds: float = 5.0
    flush_rows: int = FLUSH_ROWS


def flow_folder(flow: Flow, data: Path) -> Path:
    """Return where a version of a flow keeps its state."""
    return data / "flows" / flow.name / f"v{flow.version}"


def run_flow(flow: Flow, options: FlowOptions) -> None:
    """Run a flow until killed, or until its files end.

    Raises:
        FlowError: it cannot run, or another process runs it.
        SinkError: a store refuses rows for good.
        EventLogError: the log has lost messages that had no effect yet.
    """
    folder = flow_folder(flow, options.data)
    with owned_folder(flow, folder), owned_in_postgres(flow, options.postgres_dsn) as connection:
        migrate_flow(flow, options.postgres_dsn, options.clickhouse_url)
        if isinstance(flow.source, FileSource):
            _run_over_files(flow, flow.source, options, folder, connection)
            return
        with BlockingLog(_opener(flow.source, options)) as log:
            _run_over_log(flow, options, folder, log, connection)


def _opener(source: Input, options: FlowOptions) -> Callable[[], Awaitable[EventLog]]:
    if isinstance(source, LogSource) and source.stream is not None:
        return partial(options.open_stream, source.stream, options.partitions)
    return options.open_log


def _run_over_files(
    flow: Flow, source: FileSource, options: FlowOptions, folder: Path, connection: psycopg.Connection
) -> None:
    runtime = _runtime(flow, options, folder / "files", _FILES, (FILE_PARTITION,), Ticks(_never))
    progress = Progress()
    index = runtime.index("source", FILE_PARTITION, options.dedup_days)
    files = FilePartition(source, index, progress, index.sync)
    _run(flow, files, runtime, FlowWatch(flow, _FILES, progress, options.postgres_dsn, None))
    progress.enter(FILE_PARTITION, "done", progress.events_of(FILE_PARTITION))
    store_progress(connection, flow.name, flow.version, _FILES, progress, {})


def _run_over_log(
    flow: Flow, options: FlowOptions, folder: Path, log: BlockingLog, connection: psycopg.Connection
) -> None:
    log_id = log.log_id()
    ticks = Ticks(lambda partition, body: _append(log, partition, body), options.tick_seconds)
    partitions = tuple(str(partition) for partition in range(options.partitions))
    runtime = _runtime(flow, options, folder / str(log_id), log_id, partitions, ticks)
    progress = Progress()
    progress.restore(read_done(connection, flow.name, flow.version, log_id))
    indexes: dict[str, RocksDedupIndex] = {}

    def index_of(partition: str) -> RocksDedupIndex:
        if partition not in indexes:
            indexes[partition] = runtime.index("source", partition, options.dedup_days)
        return indexes[partition]

    def sync(partition: str) -> None:
        index_of(partition).sync()

    def make_decoder(partition: str) -> BatchDecoder:
        people = DeletedPeople(map(DeletedPerson._make, read_deleted(connection, log_id, int(partition))))
        return BatchDecoder(flow.name, partition, index_of(partition), options.limits, people)

    def read_log(starts: dict[str, int]) -> LogPartitions:
        return LogPartitions(log, starts, make_decoder, progress, ticks, sync)

    source: Source[KeyedBatch]
    if isinstance(flow.source, BackfillSource):
        since = flow.source.since
        file = runtime.folder / "backfill.json"
        parts = note_parts(file, connection, log_id, options.partitions, since)
        for partition, stretches in parts.items():
            progress.enter(partition, "backfill", sum(stretch.events for stretch in stretches))
        live = read_log({partition: stretches[-1].end for partition, stretches in parts.items()})
        source = BackfilledPartitions(options.postgres_dsn, parts, since, index_of, live, progress, sync)
    else:
        assert isinstance(flow.source, LogSource), "an input is one of three"
        file = runtime.folder / "starts.json"
        source = read_log(find_starts(file, flow.source.start, log, options.partitions))
    _run(flow, source, runtime, FlowWatch(flow, log_id, progress, options.postgres_dsn, log))


def _runtime(
    flow: Flow, options: FlowOptions, folder: Path, log_id: int, partitions: tuple[str, ...], ticks: Ticks
) -> ProcessRuntime:
    folder.mkdir(exist_ok=True)
    return ProcessRuntime(
        flow=flow,
        folder=folder,
        log_id=log_id,
        partitions=partitions,
        dsn=options.postgres_dsn,
        clickhouse_url=options.clickhouse_url,
        open_log=options.open_stream,
        ticks=ticks,
        flush_rows=options.flush_rows,
    )


def _run(flow: Flow, source: Source[KeyedBatch], runtime: ProcessRuntime, watch: FlowWatch) -> None:
    recovery = runtime.folder / "recovery"
    if not recovery.exists():
        create_recovery_store(recovery)
    dataflow = flow.build(source, runtime)
    _log.info("flow runs", flow=flow.name, version=flow.version)
    try:
        with spared_collections(rare=True), watch.running():
            cluster_main(
                dataflow, [], 0, epoch_interval=flow.epoch, recovery_config=RecoveryConfig(str(recovery))
            )
    except Exception as error:
        for reason in reasons(error):
            if isinstance(reason, FlowError | SinkError | EventLogError):
                raise reason from error
        raise
    finally:
        runtime.close()


def reset_flow(flow: Flow, options: FlowOptions) -> None:
    """Forget how far a version of a flow has come; what it wrote is its owner's to delete.

    Raises:
        FlowOwned: it runs.
    """
    folder = flow_folder(flow, options.data)
    with owned_folder(flow, folder), owned_in_postgres(flow, options.postgres_dsn) as connection:
        for leftover in folder.glob("*.reset"):
            rmtree(leftover)
        # State without positions would write again what came after it; so it goes first, and at once.
        states = [each.rename(each.with_suffix(".reset")) for each in folder.iterdir() if each.is_dir()]
        flow_and_version = [flow.name, flow.version]
        connection.execute("DELETE FROM flow_positions WHERE flow = %s AND version = %s", flow_and_version)
        # That of versions before would be taken for the flow's.
        connection.execute("DELETE FROM flow_progress WHERE flow = %s AND version <= %s", flow_and_version)
        for each in states:
            rmtree(each)


def _never(partition: int, body: bytes) -> None:
    """Files tell the time themselves."""


def _append(log: BlockingLog, partition: int, body: bytes) -> None:
    """Append without waiting; a tick that is lost is followed by another."""

    def append() -> None:
        try:
            log.append(partition, body)
        except EventLogError as error:
            _log.info("partition was not told the time", partition=partition, reason=str(error))

    threading.Thread(target=append, name="tick", daemon=True).start()
