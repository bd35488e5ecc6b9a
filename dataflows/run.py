"""Runs the built-in dataflows of some partitions, until they are killed: a kill is their normal end.

A partition's flow keeps its thread to itself. The flows share the log's connection and the writer to
ClickHouse, which prefers few large inserts.
"""

import shutil
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from bytewax._bytewax import cluster_main
from bytewax.recovery import RecoveryConfig

from dataflows.errors import DataFolderFull
from dataflows.options import DataflowOptions
from dataflows.partition_flow import PartitionFlow, Shared, emit_every
from dataflows.partition_folder import PartitionFolder, owned
from dataflows.watch import watched
from event_log.blocking import BlockingLog
from sinks.background import BackgroundWriter
from sinks.clickhouse.writer import ClickHouseWriter
from smolhog.garbage import spared_collections

_CLICKHOUSE_WRITE_BYTES = 24 * 1024**2
_CLICKHOUSE_QUEUE_BYTES = 64 * 1024**2
_FULL_BELOW_BYTES = 1024**2


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
    ended: SimpleQueue[BaseException] = SimpleQueue()
    with spared_collections(rare=True), BlockingLog(options.open_log) as log:
        log_id = log.log_id()
        clickhouse = BackgroundWriter(
            ClickHouseWriter(options.clickhouse_url, log_id),
            "clickhouse",
            write_bytes=_CLICKHOUSE_WRITE_BYTES,
            queue_bytes=_CLICKHOUSE_QUEUE_BYTES,
            prompt=True,
            pause_seconds=1.6 * emit_every(options).total_seconds(),
        )
        shared = Shared(options, log, log_id, clickhouse)
        for partition in options.partitions:
            arguments = (shared, partition, ended)
            Thread(target=_run_flow, args=arguments, name=f"flow-{partition}", daemon=True).start()
        raise ended.get()


def _run_flow(shared: Shared, partition: int, ended: "SimpleQueue[BaseException]") -> None:
    failure: BaseException = RuntimeError("a dataflow ended by itself")
    path = shared.options.folder / f"{shared.log_id}-{partition}"
    try:
        with owned(path) as folder:
            _run(shared, partition, folder)
    except BaseException as error:  # noqa: BLE001 - raised by the main thread; a panic in Rust is no Exception
        failure = _full_disk(partition, shared.options.folder, error) or error
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


def _run(shared: Shared, partition: int, folder: PartitionFolder) -> None:
    flow = PartitionFlow(shared, partition, folder)
    try:
        with watched(flow.watch):
            cluster_main(
                flow.dataflow,
                [],
                0,
                epoch_interval=shared.options.epoch,
                recovery_config=RecoveryConfig(str(folder.recovery)),
            )
    finally:
        flow.close()
