"""ClickHouse: inserts of the same rows by a few lines of code, and by the sink with its rollups, in turns."""

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.messages import LOG_ID, events_of, log_messages, stored_batches
from benchmarks.results import Group, LossCheck, Result
from benchmarks.rounds import Best, seconds_of
from benchmarks.services import Servers, StoreUrls
from schemas.stored import EVENT_COLUMNS, StoredBatch
from sinks.clickhouse.connect import connect
from sinks.clickhouse.writer import ClickHouseWriter

_WRITE_BATCHES = 8
"""About 1 MiB each: as much as the dataflow hands to the sink in one go."""


def measure_clickhouse(servers: Servers, events: int, rounds: int) -> list[Result]:
    """Measure bare inserts and the sink, in turns.

    Args:
        servers: running.
        events: to write in each round.
        rounds: of which the best counts.
    """
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as folder:
        by_partition = stored_batches(log_messages(events), Path(folder))
    expected = events_of(by_partition)
    batches = [batch for held in by_partition.values() for batch in held]
    best = Best()
    for _ in range(rounds):
        for bare in (True, False):
            with servers.fresh_databases() as urls:
                seconds = seconds_of(partial(_write, urls, batches, bare=bare))
                best.add(_result(urls, expected, seconds, bare=bare))
    return best.results


def _write(urls: StoreUrls, batches: list[StoredBatch], *, bare: bool) -> None:
    chunks = [batches[begin : begin + _WRITE_BATCHES] for begin in range(0, len(batches), _WRITE_BATCHES)]
    if bare:
        with connect(urls.clickhouse) as client:
            for chunk in chunks:
                rows = b"".join(message.rows for batch in chunk for message in batch.messages)
                settings = {"input_format_null_as_default": 1}
                client.raw_insert("events", EVENT_COLUMNS, rows, settings=settings, fmt="TabSeparated")
        return
    writer = ClickHouseWriter(urls.clickhouse, LOG_ID)
    try:
        for chunk in chunks:
            writer.write(chunk)
    finally:
        writer.close()


def _result(urls: StoreUrls, expected: int, seconds: float, *, bare: bool) -> Result:
    with connect(urls.clickhouse) as client:

        def number(query: str) -> int:
            return int(str(client.query(query).result_rows[0][0]))

        checks = [LossCheck("rows in ClickHouse", expected, number("SELECT count() FROM events FINAL"))]
        if not bare:
            total = number("SELECT sum(total) FROM rollup_hour FINAL WHERE dimension = ''")
            checks.append(LossCheck("counted by hour", expected, total))
        size = number(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND active"
        )
    return Result(
        name="insert-clickhouse" if bare else "sink-clickhouse",
        title="Bare INSERT into ClickHouse" if bare else "ClickHouse sink, with rollups",
        group=Group.CEILING if bare else Group.STAGE,
        events=expected,
        seconds=seconds,
        checks=tuple(checks),
        figures={"bytes in ClickHouse an event": size / expected},
    )
