"""PostgreSQL: what it takes in at most, and what the sink makes of it, with the same rows, in turns.

The ceilings are what a few lines of code with nothing else to do reach: COPY into a staging table and
INSERT … SELECT … ON CONFLICT DO NOTHING from it, and COPY straight into the table. Same server, same
table with the same indexes, same bytes, about as much in a transaction as the sink writes.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.messages import LOG_ID, events_of, log_messages, stored_batches
from benchmarks.results import Group, LossCheck, Result
from benchmarks.rounds import Best, seconds_of, side_by_side
from benchmarks.services import Servers, StoreUrls
from schemas.stored import EVENT_COLUMNS, StoredBatch
from sinks.postgres.writer import PostgresWriter

_WRITE_BYTES = 8 * 1024**2
_COLUMNS = ", ".join(EVENT_COLUMNS)
_COPY = f"COPY events ({_COLUMNS}) FROM STDIN".encode()
_CREATE_STAGE = f"CREATE TEMP TABLE stage AS SELECT {_COLUMNS} FROM events WITH NO DATA".encode()
_COPY_STAGE = f"COPY stage ({_COLUMNS}) FROM STDIN".encode()
_INSERT_STAGED = (
    f"INSERT INTO events ({_COLUMNS}) SELECT {_COLUMNS} FROM stage ON CONFLICT DO NOTHING".encode()
)

_Batches = dict[int, list[StoredBatch]]
_Work = Callable[[StoreUrls, list[list[StoredBatch]]], None]


@dataclass(frozen=True, slots=True)
class _Way:
    name: str
    title: str
    group: Group
    work: _Work
    connections: int


def measure_postgres(servers: Servers, events: int, rounds: int) -> list[Result]:
    """Measure every way of writing the same rows, in turns.

    Args:
        servers: running.
        events: rows to write in each round.
        rounds: of which the best counts.
    """
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as folder:
        batches = stored_batches(log_messages(events), Path(folder))
    best = Best()
    for _ in range(rounds):
        for way in _WAYS:
            best.add(_measure(way, servers, batches))
    return best.results


def _measure(way: _Way, servers: Servers, batches: _Batches) -> Result:
    shares: list[list[StoredBatch]] = [[] for _ in range(way.connections)]
    for partition, held in batches.items():
        shares[partition % way.connections].extend(held)
    with servers.fresh_databases() as urls, psycopg.connect(urls.postgres, autocommit=True) as connection:
        _make_day_partitions(urls, connection, batches)
        seconds = seconds_of(lambda: way.work(urls, shares))
        row = connection.execute("SELECT count(*), count(DISTINCT event_id) FROM events").fetchone()
        assert row is not None
        size = connection.execute(
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('events')"
        ).fetchone()
        assert size is not None
    expected = events_of(batches)
    return Result(
        name=way.name,
        title=way.title,
        group=way.group,
        events=expected,
        seconds=seconds,
        checks=(
            LossCheck("rows in PostgreSQL", expected, int(row[0])),
            LossCheck("distinct ids in PostgreSQL", expected, int(row[1])),
        ),
        settings={"connections": way.connections},
        figures={"bytes in PostgreSQL an event": float(size[0]) / expected},
    )


def _make_day_partitions(urls: StoreUrls, connection: psycopg.Connection, batches: _Batches) -> None:
    """Let the sink make the tables of the days, and empty them again."""
    days = frozenset[int]().union(*(batch.days for held in batches.values() for batch in held))
    writer = PostgresWriter(urls.postgres, LOG_ID + 1, 0)
    try:
        writer.write([StoredBatch([], days, [], 1, None)])
    finally:
        writer.close()
    connection.execute("TRUNCATE sink_positions")


def _chunks(batches: list[StoredBatch]) -> Iterator[list[StoredBatch]]:
    """Cut batches into what is written in one transaction."""
    chunk: list[StoredBatch] = []
    size = 0
    for batch in batches:
        chunk.append(batch)
        size += batch.size
        if size >= _WRITE_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _copy(connection: psycopg.Connection, statement: bytes, chunk: list[StoredBatch]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in chunk:
            for message in batch.messages:
                copy.write(message.rows)


def _write_staged(urls: StoreUrls, shares: list[list[StoredBatch]]) -> None:
    def write(share: list[StoredBatch]) -> None:
        with psycopg.connect(urls.postgres, autocommit=True, options="-c timezone=UTC") as connection:
            connection.execute(_CREATE_STAGE)
            for chunk in _chunks(share):
                with connection.transaction():
                    _copy(connection, _COPY_STAGE, chunk)
                    connection.execute(_INSERT_STAGED)
                    connection.execute("TRUNCATE stage")

    side_by_side(write, shares)


def _write_directly(urls: StoreUrls, shares: list[list[StoredBatch]]) -> None:
    def write(share: list[StoredBatch]) -> None:
        with psycopg.connect(urls.postgres, autocommit=True, options="-c timezone=UTC") as connection:
            for chunk in _chunks(share):
                with connection.transaction():
                    _copy(connection, _COPY, chunk)

    side_by_side(write, shares)


def _write_by_sink(urls: StoreUrls, shares: list[list[StoredBatch]]) -> None:
    def write(numbered: tuple[int, list[StoredBatch]]) -> None:
        partition, share = numbered
        writer = PostgresWriter(urls.postgres, LOG_ID, partition)
        try:
            for chunk in _chunks(share):
                writer.write(chunk)
        finally:
            writer.close()

    side_by_side(write, enumerate(shares))


_WAYS = (
    _Way("copy-staged-1", "Bare COPY + INSERT … SELECT, 1 connection", Group.CEILING, _write_staged, 1),
    _Way("copy-staged-4", "Bare COPY + INSERT … SELECT, 4 connections", Group.CEILING, _write_staged, 4),
    _Way("copy-direct-1", "Bare COPY, 1 connection", Group.CEILING, _write_directly, 1),
    _Way("copy-direct-4", "Bare COPY, 4 connections", Group.CEILING, _write_directly, 4),
    # A sink's writer has one partition, so four of them is how it always runs.
    _Way("sink-postgres", "PostgreSQL sink, 4 partitions", Group.STAGE, _write_by_sink, 4),
)
