"""What `smolhog verify` compares: raw events, rollups and columnar copy, up to one place of the log."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from schemas.rollup import CellGroup, HourRange, Interval, RollupRows
from schemas.stored import CountedTo, MessageRows, StoredBatch
from sinks.clickhouse.connect import connect
from sinks.clickhouse.writer import ClickHouseWriter
from sinks.migrate import migrate_stores
from sinks.positions import LogPartition
from sinks.postgres.raw_events import Group
from sinks.postgres.writer import PostgresWriter
from sinks.verify import Stores, later_groups, verify_totals
from tests.fixtures_clickhouse import ClickHouseServer, kept
from tests.sinks.batches import LOG_ID, NOW, message, stored_batch

pytestmark = pytest.mark.shards_too

HOUR = int(NOW.timestamp())
RANGE = HourRange.around(NOW - timedelta(days=40), NOW + timedelta(hours=1))


class Pipeline:
    """Writes events and their rollups the way a dataflow does, each store by itself."""

    def __init__(self, postgres_dsn: str, clickhouse_url: str) -> None:
        self.postgres = PostgresWriter(postgres_dsn, LOG_ID, 0)
        self.clickhouse = ClickHouseWriter(clickhouse_url, LOG_ID)
        self.stores = Stores(
            psycopg.connect(postgres_dsn, autocommit=True, options="-c timezone=UTC"), connect(clickhouse_url)
        )

    def close(self) -> None:
        """Let go of everything."""
        self.postgres.close()
        self.clickhouse.close()
        self.stores.postgres.close()
        self.stores.clickhouse.close()

    def differences(self) -> list[tuple[str, int, int]]:
        """Table, raw and stored count of each cell that differs."""
        found = verify_totals(self.stores, RANGE, None, patience_seconds=0.3)
        return [(each.table, each.raw, each.stored) for each in found.differences]


def counted(total: int, version: int, segment: int = 0) -> StoredBatch:
    """An emission of the minute and hour cells of all events so far."""
    rows = [
        RollupRows(CellGroup(1, interval, HOUR, "view", ""), 0, segment, version, {"": total})
        for interval in Interval
    ]
    return StoredBatch([], frozenset(), rows, version + 1, None, CountedTo(0, version + 1))


def events(offset: int, count: int) -> MessageRows:
    """A message of so many events."""
    return message(offset, range(100 * offset, 100 * offset + count))


@pytest.fixture
def pipeline(postgres_database: str, clickhouse_server: ClickHouseServer) -> Iterator[Pipeline]:
    """Ten events in message 0, stored and counted everywhere."""
    with clickhouse_server.database() as database:
        url = f"{clickhouse_server.url}/{database}"
        migrate_stores(postgres_database, url, clickhouse_server.cluster)
        pipeline = Pipeline(postgres_database, url)
        batch = stored_batch(events(0, 10))
        pipeline.postgres.write([batch])
        pipeline.clickhouse.write([batch, counted(10, 0)])
        yield pipeline
        pipeline.close()


def test_what_agrees_has_no_difference(pipeline: Pipeline) -> None:
    """All ten events are compared."""
    found = verify_totals(pipeline.stores, RANGE, None, patience_seconds=0.3)
    assert (found.raw_events, found.differences, found.lags) == (10, [], [])
    assert verify_totals(pipeline.stores, RANGE, 2, patience_seconds=0.3).raw_events == 0


def test_a_rollup_that_is_ahead_of_postgresql_s_position_is_no_difference(pipeline: Pipeline) -> None:
    """Its version says how far it counts, and the raw events of its bucket are counted as far."""
    batch = stored_batch(events(1, 5))
    pipeline.clickhouse.write([batch, counted(15, 1)])
    # PostgreSQL takes the same message between the check's first look and its count.
    first_look = pipeline.stores.postgres
    pipeline.postgres.write([batch])
    first_look.execute("UPDATE sink_positions SET next_offset = 1")
    assert pipeline.differences() == []


def test_events_that_no_rollup_ever_counted_are_a_difference(pipeline: Pipeline) -> None:
    """Also when whole rollups are gone, and nothing in them says how far they had come."""
    for table in ("rollup_minute", "rollup_hour", "rollup_positions"):
        client = pipeline.stores.clickhouse
        client.command(f"TRUNCATE TABLE {kept(client, table)}")
    assert pipeline.differences() == [("rollup_minute", 10, 0), ("rollup_hour", 10, 0)]
    found = verify_totals(pipeline.stores, RANGE, None, patience_seconds=0.3)
    assert [(lag.partition, lag.stored, lag.counted) for lag in found.lags] == [(0, 1, 0)]


def test_a_dataflow_that_stands_still_is_told_as_a_lag(pipeline: Pipeline) -> None:
    """What PostgreSQL holds and ClickHouse never got is a difference everywhere, with a hint."""
    pipeline.postgres.write([stored_batch(events(1, 5))])
    found = verify_totals(pipeline.stores, RANGE, None, patience_seconds=0.3)
    assert {(each.table, each.raw, each.stored) for each in found.differences} == {
        ("rollup_minute", 15, 10),
        ("rollup_hour", 15, 10),
        ("events", 15, 10),
    }
    assert found.lags
    assert found.difference == 15


def test_rows_that_only_clickhouse_has_are_a_difference(pipeline: Pipeline) -> None:
    """Of a day of which PostgreSQL has no partition, too."""
    past = HOUR - 20 * 86_400
    rows = RollupRows(CellGroup(1, Interval.HOUR, past, "ghost", ""), 0, 0, 0, {"": 3})
    pipeline.clickhouse.write([StoredBatch([], frozenset(), [rows], 1, None)])
    assert pipeline.differences() == [("rollup_hour", 0, 3)]


def test_only_groups_past_the_position_get_a_later_bound() -> None:
    """The bound is the offset after the last message that the group counts."""
    place = LogPartition(LOG_ID, 0)
    early, late = Group(1, HOUR, place), Group(1, HOUR + 3600, place)
    assert later_groups([(early, 4), (late, 5), (late, 9), (late, 7)], {place: 5}) == {late: 10}
    assert later_groups([(early, 0)], {}) == {early: 1}
