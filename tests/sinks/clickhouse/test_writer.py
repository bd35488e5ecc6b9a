"""ClickHouse gives the same answers however often a row arrives."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.rollup import TOTAL, CellGroup, RollupRows
from sinks.clickhouse.connect import connect, connection_arguments
from sinks.clickhouse.migrate import migrate_clickhouse
from sinks.clickhouse.writer import ClickHouseWriter
from sinks.errors import SinkError, SinkRejectedWrite, SinkUnavailable
from sinks.report import WriteReport
from tests.fixtures_clickhouse import ClickHouseServer, kept, running_clickhouse
from tests.sinks.batches import LOG_ID, NOW, insist, message, stored_batch, write_cut_off
from tests.tcp_proxy import TcpProxy

BUCKET = int(NOW.timestamp())


@pytest.fixture
def url(clickhouse_server: ClickHouseServer) -> Iterator[str]:
    """A migrated database."""
    with clickhouse_server.database() as database:
        url = f"{clickhouse_server.url}/{database}"
        migrate_clickhouse(url, clickhouse_server.cluster)
        yield url


@pytest.fixture
def writer(url: str) -> Iterator[ClickHouseWriter]:
    """The writer of a partition."""
    writer = ClickHouseWriter(url, LOG_ID)
    yield writer
    writer.close()


def select(url: str, query: str) -> list[tuple[object, ...]]:
    """Rows that ClickHouse answers."""
    with connect(url) as client:
        return [tuple(row) for row in client.query(query).result_rows]


def row(total: int, version: int, *, bucket: int = BUCKET, value: str = TOTAL, **changes: int) -> RollupRows:
    """An emission of a minute's cell."""
    dimension = "plan" if value else TOTAL
    group = CellGroup(1, changes.get("interval", 60), bucket, "view", dimension)
    return RollupRows(group, changes.get("partition", 0), changes.get("segment", 5), version, {value: total})


_ALL = (
    "SELECT count(), uniqExact(event_id) FROM events FINAL",
    "SELECT value, sum(total) FROM rollup_minute FINAL GROUP BY value ORDER BY value",
    "SELECT value, sum(total) FROM rollup_hour FINAL GROUP BY value ORDER BY value",
    "SELECT bucket, event, uniqCombined64Merge(users) FROM distinct_users_hour WHERE event != '' GROUP BY bucket, event",
    "SELECT bucket, event, uniqCombined64Merge(users) FROM distinct_users_day WHERE event != '' GROUP BY bucket, event",
    "SELECT session_id, min(started_at), max(ended_at), uniqMerge(events) FROM sessions GROUP BY session_id",
)


@pytest.mark.shards_too
def test_written_twice_is_written_once(url: str, writer: ClickHouseWriter) -> None:
    """Events, rollups, distinct users and sessions are those of one write, before and after merges."""
    batch = stored_batch(
        message(0, range(50), session_id="s1"),
        message(1, range(50, 70), session_id="s2", timestamp=NOW - timedelta(seconds=90)),
        message(2, range(70, 75)),
        rollups=[
            row(75, 2),
            row(60, 2, value="pro"),
            row(75, 2, interval=3600, bucket=BUCKET // 3600 * 3600),
        ],
    )
    assert writer.write([batch]) == WriteReport(events=75, rejected=0)
    once = [sorted(select(url, query), key=str) for query in _ALL]
    assert once[0] == [(75, 75)]
    assert once[1] == [("", 75), ("pro", 60)]
    assert sorted(int(str(users)) for _, _, users in once[3]) == [10, 10]
    assert {session: events for session, _, _, events in once[5]} == {"s1": 50, "s2": 20}
    writer.write([batch])
    writer.write([batch, batch])
    assert [sorted(select(url, query), key=str) for query in _ALL] == once
    with connect(url) as client:
        for table in ("events", "rollup_minute", "sessions", "distinct_users_day"):
            client.command(f"OPTIMIZE TABLE {kept(client, table)} FINAL")
    assert [sorted(select(url, query), key=str) for query in _ALL] == once


@pytest.mark.shards_too
def test_older_versions_never_win(url: str, writer: ClickHouseWriter) -> None:
    """In whatever order emissions arrive, the newest of each segment counts, and segments add up."""
    newest = {(partition, segment): 10 * partition + segment for partition in (0, 1) for segment in (3, 7)}
    rows = [
        row(total - 3 + version, version, partition=partition, segment=segment)
        for (partition, segment), total in newest.items()
        for version in range(4)
    ]
    shuffled = rows * 2
    random.Random(7).shuffle(shuffled)
    for begin in range(0, len(shuffled), 5):
        writer.write([stored_batch(rollups=shuffled[begin : begin + 5], next_offset=0)])
    assert select(url, "SELECT sum(total) FROM rollup_minute FINAL") == [(sum(newest.values()),)]


@pytest.mark.parametrize("bucket", [0, 60, 3600, 36_000, 1_000_020, 999_999_960, 2**32 - 60 - 16])
def test_bucket_of_any_time_is_kept(url: str, writer: ClickHouseWriter, bucket: int) -> None:
    """Clocks that are wrong end in 1970; its first minutes are buckets like all others."""
    writer.write([stored_batch(rollups=[row(3, 1, bucket=bucket)], next_offset=0)])
    assert select(url, "SELECT toUnixTimestamp(bucket), total FROM rollup_minute") == [(bucket, 3)]


def test_names_of_any_text_are_kept(url: str, writer: ClickHouseWriter) -> None:
    """Tabs, newlines, backslashes and the format's own NULL, as values of properties, arrive as they are."""
    values = ["\\N", "a\tb\nc\\d\r\b\v\f'\"", "\x07\x1b\u2028😀", "NULL", "\\"]
    writer.write([stored_batch(rollups=[row(1, 1, value=value) for value in values], next_offset=0)])
    assert sorted(str(found) for (found,) in select(url, "SELECT value FROM rollup_minute")) == sorted(values)


def test_hundreds_of_months_in_one_write(url: str, writer: ClickHouseWriter) -> None:
    """A client may send any past time: 300 months at once are stored."""
    times = [datetime(2000 + month // 12, month % 12 + 1, 5, 1, tzinfo=UTC) for month in range(300)]
    messages = [message(offset, [offset], timestamp=time) for offset, time in enumerate(times)]
    writer.write([stored_batch(*messages)])
    assert select(url, "SELECT count(), uniqExact(toYYYYMM(timestamp)) FROM events FINAL") == [(300, 300)]


def _refused(sinks_url: str, batch: Sequence[RollupRows] = (), *, broken: bool = False) -> SinkError:
    made = message(0, [1])
    if broken:
        made = made._replace(rows=made.rows.replace(b"0000", b"zzzz", 1))
    writer = ClickHouseWriter(sinks_url, LOG_ID, timeout_seconds=5)
    with pytest.raises(SinkError) as caught:
        writer.write([stored_batch(made, rollups=batch)])
    writer.close()
    return caught.value


def test_refusals_for_good_are_told_apart(url: str) -> None:
    """Rows that cannot be parsed, and tables that are not there, will not do better next time."""
    assert isinstance(_refused(url, broken=True), SinkRejectedWrite)
    with connect(url) as client:
        client.command("DROP TABLE rollup_minute")
    assert isinstance(_refused(url, [row(1, 1)]), SinkRejectedWrite)


@pytest.mark.parametrize(
    "setting",
    [
        "parts_to_throw_insert = 1, parts_to_delay_insert = 1",
        f"min_free_disk_bytes_to_perform_insert = {10**15}",
    ],
)
def test_store_that_is_full_is_away(url: str, setting: str) -> None:
    """Too many parts, or no room on the disk, may pass: nothing is taken for stored."""
    writer = ClickHouseWriter(url, LOG_ID)
    writer.write([stored_batch(message(0, [0]))])
    with connect(url) as client:
        client.command(f"ALTER TABLE {kept(client, 'events')} MODIFY SETTING {setting}")
        client.command(f"SYSTEM STOP MERGES {kept(client, 'events')}")
    try:
        with pytest.raises(SinkUnavailable):
            writer.write([stored_batch(message(1, [1]))])
    finally:
        writer.close()


def test_server_that_is_away_is_tried_again(url: str) -> None:
    """Nobody listening is no reason to give up."""
    arguments = connection_arguments(url)
    assert isinstance(_refused(f"http://127.0.0.1:1/{arguments['database']}"), SinkUnavailable)


def test_connection_cut_at_any_byte_stores_once(clickhouse_server: ClickHouseServer, url: str) -> None:
    """Whatever was written before the wire broke, the same write again gives one of each."""
    database = connection_arguments(url)["database"]
    with TcpProxy(clickhouse_server.port) as proxy:
        writer = ClickHouseWriter(f"http://127.0.0.1:{proxy.port}/{database}", LOG_ID, timeout_seconds=10)
        cuts = random.Random(5).sample(range(9000), 15)
        for offset, cut in enumerate(cuts):
            numbers = [offset, offset + 1000]
            batch = [
                stored_batch(message(offset, numbers, session_id="s"), rollups=[row(2 * offset + 2, offset)])
            ]
            write_cut_off(proxy, partial(writer.write, batch), cut)
        writer.close()
    assert select(url, "SELECT count() FROM events FINAL") == [(2 * len(cuts),)]
    assert select(url, "SELECT total FROM rollup_minute FINAL") == [(2 * len(cuts),)]
    assert select(url, "SELECT uniqMerge(events) FROM sessions") == [(2 * len(cuts),)]


def test_engine_killed_under_it(tmp_path: Path) -> None:
    """What was answered is there after a kill, and what was not is stored by the next try."""
    with TcpProxy(1) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/smolhog"
        writer = ClickHouseWriter(url, LOG_ID, timeout_seconds=10)
        with running_clickhouse(tmp_path / "clickhouse") as service:
            proxy._target = ("127.0.0.1", service.port)
            migrate_clickhouse(url)
            writer.write([stored_batch(message(0, range(100)), rollups=[row(100, 0)])])
            service.kill()
        with pytest.raises(SinkUnavailable):
            writer.write([stored_batch(message(1, range(100, 150)), rollups=[row(150, 1)])])
        with running_clickhouse(tmp_path / "clickhouse") as service:
            proxy._target = ("127.0.0.1", service.port)
            insist(lambda: writer.write([stored_batch(message(1, range(100, 150)), rollups=[row(150, 1)])]))
            assert select(url, "SELECT count() FROM events FINAL") == [(150,)]
            assert select(url, "SELECT total FROM rollup_minute FINAL") == [(150,)]
            writer.close()


def test_code_of_an_error_is_known(url: str) -> None:
    """The classification rests on the number that the client hands out."""
    with connect(url) as client, pytest.raises(DatabaseError) as caught:
        client.command("SELECT * FROM no_such_table")
    assert caught.value.code == 60
