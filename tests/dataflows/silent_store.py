"""A program: a flow that reads three messages, over a store that never answers. Run by test_stores.py."""

import asyncio
import os
import sys
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from bytewax import operators as op
from bytewax._bytewax import cluster_main
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir

from dataflows.beginning import Beginning
from dataflows.lag import Progress
from dataflows.source import EventLogSource, Keyed
from dataflows.stores import StoresSink
from event_log.blocking import BlockingLog
from event_log.sqlite import SQLiteEventLog
from schemas.stored import StoredBatch
from sinks.background import BackgroundWriter
from sinks.clickhouse.writer import WrittenTo
from sinks.report import WriteReport

MESSAGES = 3


class SilentStore:
    """Takes rows and never says that it has them."""

    def write(self, batches: list[StoredBatch]) -> WriteReport:
        """Wait for ever."""
        threading.Event().wait()
        return WriteReport(len(batches), 0)

    def close(self) -> None:
        """Nothing is open."""


async def fill(folder: Path) -> None:
    """Make a log of one partition."""
    log = await SQLiteEventLog.open(folder, partitions=1)
    for number in range(MESSAGES):
        await log.append(0, b"%d" % number)
    await log.close()


def stored(item: Keyed) -> tuple[str, StoredBatch]:
    """What a pipeline would make of it, without rows."""
    key, messages = item
    end = messages[-1].offset + 1 if messages else MESSAGES
    return key, StoredBatch([], frozenset(), [], end, None)


def main() -> None:
    """Run for some epochs, most of them idle, and die."""
    folder = Path(sys.argv[1])
    if not (folder / "recovery").exists():
        asyncio.run(fill(folder / "log"))
        (folder / "recovery").mkdir()
        init_db_dir(folder / "recovery", 1)
    log = BlockingLog(partial(SQLiteEventLog.open, folder / "log", partitions=1))
    beginning = Beginning(
        0, 0, None, lambda: WrittenTo(0, 0), timedelta(), remember=lambda *_: None, settle=lambda: None
    )
    source = EventLogSource(log, 0, batch_bytes=1000, epoch_bytes=1000, beginning=beginning)
    flow = Dataflow("smolhog")
    items = op.map("stored", op.input("log", flow, source), stored)
    sink = StoresSink(0, [BackgroundWriter(SilentStore(), "test")], Progress(0, None, 0.0))
    op.output("stores", items, sink)

    def die() -> None:
        time.sleep(2)
        os._exit(0)

    threading.Thread(target=die).start()
    cluster_main(
        flow,
        [],
        0,
        epoch_interval=timedelta(milliseconds=50),
        recovery_config=RecoveryConfig(str(folder / "recovery")),
    )


if __name__ == "__main__":
    main()
