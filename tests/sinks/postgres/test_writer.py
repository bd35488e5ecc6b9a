"""PostgreSQL holds each event once, whatever breaks between it and the writer."""

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from time import monotonic

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sinks.errors import PartitionOwned, SinkRejectedWrite, SinkUnavailable
from sinks.postgres.migrate import migrate_postgres
from sinks.postgres.writer import PostgresWriter
from sinks.report import WriteReport
from tests.fixtures_postgres import PostgresServer, postgres_folder, running_postgres
from tests.sinks.batches import (
    LOG_ID,
    NOW,
    PATIENCE_SECONDS,
    event_id,
    insist,
    message,
    rejection,
    stored_batch,
    write_cut_off,
)
from tests.tcp_proxy import TcpProxy


@pytest.fixture
def dsn(postgres_database: str) -> str:
    """A migrated database."""
    migrate_postgres(postgres_database)
    return postgres_database


@pytest.fixture
def writer(dsn: str) -> Iterator[PostgresWriter]:
    """The writer of partition 0."""
    writer = PostgresWriter(dsn, LOG_ID, 0)
    yield writer
    writer.close()


def offsets(dsn: str) -> list[tuple[int, str]]:
    """Offset and id of every event that is stored, in order."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT log_offset, event_id::text FROM events ORDER BY 1, 2").fetchall()
    return [(offset, identity) for offset, identity in rows]


def expected(*messages: tuple[int, list[int]]) -> list[tuple[int, str]]:
    """What `offsets` returns for these messages."""
    return sorted((offset, str(event_id(number))) for offset, numbers in messages for number in numbers)


def position(dsn: str) -> list[tuple[int, ...]]:
    """The stored positions."""
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT next_offset FROM sink_positions").fetchall()


def test_rows_and_position_are_one(dsn: str, writer: PostgresWriter) -> None:
    """A write stores rows, rejected events and the position together."""
    assert writer.position() == 0
    report = writer.write([stored_batch(message(3, [1, 2], rejected=[rejection(0)]), message(5, [3]))])
    assert report == WriteReport(events=3, rejected=1)
    assert offsets(dsn) == expected((3, [1, 2]), (5, [3]))
    assert position(dsn) == [(6,)]
    writer.close()
    assert writer.position() == 6


def test_refused_rows_leave_nothing(dsn: str, writer: PostgresWriter) -> None:
    """A row that PostgreSQL will never take fails for good, and the position stays."""
    writer.write([stored_batch(message(0, [1]))])
    bad = message(2, [3])
    bad = bad._replace(rows=bad.rows.replace(b'{"a": 1}', b"{broken"))
    with pytest.raises(SinkRejectedWrite, match="messages 1 to 2 of partition 0"):
        writer.write([stored_batch(message(1, [2], rejected=[rejection(0)]), bad)])
    assert offsets(dsn) == expected((0, [1]))
    assert position(dsn) == [(1,)]
    writer.write([stored_batch(message(1, [2]))])
    assert position(dsn) == [(2,)]


def test_batches_stored_before_are_skipped(dsn: str, writer: PostgresWriter) -> None:
    """A replay is skipped exactly: whole batches, and the part of one that was stored in another cut."""
    writer.write([stored_batch(message(0, [1]), message(1, [2], rejected=[rejection(0)]))])
    assert writer.write([stored_batch(message(0, [1]), message(1, [2]))]) == WriteReport(0, 0)
    straddling = stored_batch(
        message(1, [2], rejected=[rejection(0)]), message(2, [3], rejected=[rejection(0)])
    )
    assert writer.write([straddling]) == WriteReport(1, 1)
    again = PostgresWriter(dsn, LOG_ID, 1)
    assert again.position() == 0
    again.close()
    assert offsets(dsn) == expected((0, [1]), (1, [2]), (2, [3]))
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT log_offset, payload FROM rejected_events ORDER BY 1").fetchall()
    assert rows == [(1, b"\0\xffpayload"), (2, b"\0\xffpayload")]


def test_rollups_alone_store_nothing_here(dsn: str, writer: PostgresWriter) -> None:
    """A batch without messages neither moves the position back nor fails, also right after a start."""
    assert writer.write([stored_batch(next_offset=0)]) == WriteReport(0, 0)
    writer.write([stored_batch(message(7, [1]))])
    assert writer.write([stored_batch(next_offset=8)]) == WriteReport(0, 0)
    assert writer.write([stored_batch(next_offset=0)]) == WriteReport(0, 0)
    assert position(dsn) == [(8,)]


def test_id_older_than_the_dedup_window_is_stored_once(dsn: str, writer: PostgresWriter) -> None:
    """A batch that meets a row of its own id keeps the old row and stores the rest."""
    writer.write([stored_batch(message(0, [1, 2]))])
    writer.write([stored_batch(message(1, [3, 2, 4], rejected=[rejection(0)]), message(2, [5, 3]))])
    assert offsets(dsn) == expected((0, [1, 2]), (1, [3, 4]), (2, [5]))
    writer.write([stored_batch(message(3, [2])), stored_batch(message(4, [6]))])
    assert offsets(dsn)[-1] == (4, str(event_id(6)))
    assert position(dsn) == [(5,)]


def test_rejected_text_that_postgres_cannot_hold(dsn: str, writer: PostgresWriter) -> None:
    """Message and id are stored without what PostgreSQL refuses; the payload keeps it."""
    writer.write([stored_batch(message(0, rejected=[rejection(0, "a\0b\ud800", "\0id")]))])
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT message, event_id FROM rejected_events").fetchall()
    assert rows == [("ab?", "id")]


def test_any_past_day_is_stored(dsn: str, writer: PostgresWriter) -> None:
    """One write may hold today, last month, the turn of a year and 1970."""
    times = [NOW - timedelta(days=days) for days in (0, 1, 31, 32, 365, 10_000, 20_000)]
    times.append(NOW.replace(year=1970, month=1, day=1, hour=0))
    messages = [message(offset, [offset], timestamp=time) for offset, time in enumerate(times)]
    writer.write([stored_batch(*messages, days=[time.date() for time in times])])
    assert [offset for offset, _ in offsets(dsn)] == list(range(len(times)))


def test_second_writer_is_refused_while_the_first_lives(dsn: str, writer: PostgresWriter) -> None:
    """A partition has one writer, on whatever machine; other partitions and logs are free."""
    writer.position()
    second = PostgresWriter(dsn, LOG_ID, 0)
    with pytest.raises(PartitionOwned):
        second.position()
    for other in (PostgresWriter(dsn, LOG_ID, 1), PostgresWriter(dsn, LOG_ID - 1, 0)):
        assert other.position() == 0
        other.close()
    writer.close()
    assert second.position() == 0
    second.close()


def test_partition_is_free_after_a_kill(dsn: str) -> None:
    """The server lets go of a writer that was killed, and its successor takes over."""
    holding = "import sys; from sinks.postgres.writer import PostgresWriter; "
    holding += "writer = PostgresWriter(sys.argv[1], int(sys.argv[2]), 0); writer.position(); print(flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", holding, dsn, str(LOG_ID)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    successor = PostgresWriter(dsn, LOG_ID, 0)
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(PartitionOwned):
            successor.position()
        holder.kill()
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            assert successor.position() == 0
            break
        except PartitionOwned:
            assert monotonic() < deadline, "the partition was not let go"
    successor.close()


def test_connection_cut_at_any_byte_stores_once(postgres_server: PostgresServer, dsn: str) -> None:
    """Before the commit, in it, or before its answer: the same write again stores each event once."""
    database = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    tcp = postgres_server.url(str(database), tcp=True)
    with TcpProxy(postgres_server.port) as proxy:
        writer = PostgresWriter(make_conninfo(tcp, host=proxy.host, port=proxy.port), LOG_ID, 0)
        writer.write([stored_batch(message(0, [0]))])
        proxy.cut_after_bytes(10**6)
        writer.write([stored_batch(message(1, [1, 1001], rejected=[rejection(0)]))])
        assert proxy._budget is not None
        traffic = 10**6 - proxy._budget
        # The commit and its answer are the last bytes of all.
        cuts = [*random.Random(4).sample(range(traffic), 12), *range(traffic - 40, traffic + 1, 2)]
        for offset, cut in enumerate(cuts, start=2):
            batch = [stored_batch(message(offset, [offset, offset + 1000], rejected=[rejection(0)]))]
            write_cut_off(proxy, partial(writer.write, batch), cut)
        writer.close()
    stored = [(0, [0]), *((offset, [offset, offset + 1000]) for offset in range(1, 2 + len(cuts)))]
    assert offsets(dsn) == expected(*stored)
    assert position(dsn) == [(2 + len(cuts),)]
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM rejected_events").fetchone() == (len(cuts) + 1,)


def test_own_connection_that_lives_on_is_waited_for(dsn: str, writer: PostgresWriter) -> None:
    """While the server still serves our broken connection, the store is away, not somebody else's."""
    writer.write([stored_batch(message(0, [1]))])
    ghost, writer._connection = writer._connection, None
    assert ghost is not None
    with pytest.raises(SinkUnavailable):
        writer.write([stored_batch(message(1, [2]))])
    ghost.close()
    insist(lambda: writer.write([stored_batch(message(1, [2]))]))
    assert offsets(dsn) == expected((0, [1]), (1, [2]))


def test_server_restarted_under_it() -> None:
    """Without PostgreSQL the answer is "away" until it is back; then nothing is lost or doubled."""
    with postgres_folder() as folder, TcpProxy(1) as proxy:
        with running_postgres(folder) as (_, server):
            migrate_postgres(server.url())
            proxy._target = ("127.0.0.1", server.port)
            dsn = make_conninfo(server.url(tcp=True), host=proxy.host, port=proxy.port)
            writer = PostgresWriter(dsn, LOG_ID, 0)
            writer.write([stored_batch(message(0, [1]))])
        with pytest.raises(SinkUnavailable):
            writer.write([stored_batch(message(1, [2]))])
        with running_postgres(folder) as (_, server):
            proxy._target = ("127.0.0.1", server.port)
            insist(lambda: writer.write([stored_batch(message(1, [2]))]))
            assert offsets(server.url()) == expected((0, [1]), (1, [2]))
            writer.close()
