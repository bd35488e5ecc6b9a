"""Rows into a table of PostgreSQL: what it will never take stops a flow, and says so."""

import random
from typing import Any

import psycopg
import pytest

from dataflows.kit import PostgresTable, Rows
from dataflows.kit.errors import FlowInvalid
from dataflows.kit.sink import ItemSink, SinkContext
from sinks.errors import SinkRejectedWrite
from sinks.postgres.migrate import migrate_postgres


def test_a_key_that_is_too_long_for_its_index_is_not_tried_for_ever(postgres_database: str) -> None:
    """The flow ends with PostgreSQL's reason, for somebody to see."""
    migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE pages (url text PRIMARY KEY, n bigint NOT NULL)")

    writer = PostgresTable("pages", key=("url",), mode="add").open(_context(postgres_database))
    writer.write([Rows("0", 1, 0.0, [{"url": "/", "n": 1}])])
    with pytest.raises(SinkRejectedWrite, match="index row"):
        writer.write([Rows("0", 2, 0.0, [{"url": random.Random(1).randbytes(8_000).hex(), "n": 1}])])
    writer.write([Rows("0", 3, 0.0, [{"url": "/", "n": 1}])])
    writer.close()
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT url, n FROM pages").fetchall() == [("/", 2)]


def test_two_rows_of_one_place_are_refused_and_not_lost(postgres_database: str) -> None:
    """As streams that were merged have them: the second would be taken for a repeat of the first."""
    migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE pages (url text PRIMARY KEY, n bigint NOT NULL)")
    writer = PostgresTable("pages", key=("url",), mode="add").open(_context(postgres_database))
    part = ItemSink(writer, "shop", "out", flush_rows=1).build_part("out", "all", None)
    part.write_batch([Rows("0", 7, 0.0, [{"url": "/", "n": 1}]), Rows("1", 7, 0.0, [{"url": "/", "n": 1}])])
    part.write_batch([Rows("0", 8, 0.0, [{"url": "/", "n": 1}])])
    for offset in (8, 7):
        with pytest.raises(FlowInvalid, match="`write` of its own"):
            part.write_batch([Rows("0", offset, 0.0, [{"url": "/", "n": 1}])])
    writer.close()
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT n FROM pages").fetchall() == [(3,)]


def _context(dsn: str) -> SinkContext:
    async def no_log(name: str, partitions: int) -> Any:
        raise AssertionError(name, partitions)

    return SinkContext("shop", 1, "out", 5, ("0", "1"), dsn, "", no_log)
