"""A row is read back as it was written, by PostgreSQL's COPY and by ClickHouse's TabSeparated."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from schemas.envelope import LogEvent, SubBatch, encode_sub_batch, join_sub_batches
from schemas.properties import encode_properties
from schemas.rows import (
    escape_json,
    format_client_time,
    format_client_times,
    format_rows,
    format_time,
    format_times,
    is_plain,
    row_end,
)
from schemas.stored import EVENT_COLUMNS
from sinks.clickhouse.connect import connect
from sinks.migrate import migrate_stores
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ", ".join(EVENT_COLUMNS)


@dataclass(frozen=True)
class Readers:
    """Both stores, each with an empty table like `events`."""

    postgres: psycopg.Connection
    clickhouse: Client

    def read_postgres(self, rows: bytes) -> list[tuple[Any, ...]]:
        """Copy rows in and select them; times in microseconds since 1970."""
        with self.postgres.cursor() as cursor:
            with cursor.copy(f"COPY copied ({_COLUMNS}) FROM STDIN".encode()) as copy:
                copy.write(rows)
            found = cursor.execute(
                "SELECT project_id, event_id, event, distinct_id, "
                "(extract(epoch FROM timestamp) * 1000000)::bigint, "
                "(extract(epoch FROM client_timestamp) * 1000000)::bigint, "
                "(extract(epoch FROM received_at) * 1000000)::bigint, session_id, properties, context, source, "
                "log_id, log_partition, log_offset FROM copied"
            ).fetchall()
            cursor.execute("TRUNCATE copied")
        return found

    def read_clickhouse(self, rows: bytes) -> list[tuple[Any, ...]]:
        """Insert rows and select them, in the same form."""
        self.clickhouse.raw_insert(
            "copied", EVENT_COLUMNS, rows, settings={"input_format_null_as_default": 1}, fmt="TabSeparated"
        )
        found = self.clickhouse.query(
            "SELECT project_id, event_id, event, distinct_id, toUnixTimestamp64Micro(timestamp), "
            "client_timestamp, toUnixTimestamp64Micro(received_at), session_id, properties, context, source, "
            "log_id, log_partition, log_offset FROM copied"
        ).result_rows
        self.clickhouse.command("TRUNCATE TABLE copied")
        return [
            (
                *row[:5],
                micros(datetime.fromisoformat(row[5])) if row[5] else None,
                row[6],
                row[7] or None,
                json.loads(row[8]),
                json.loads(row[9]),
                *row[10:],
            )
            for row in found
        ]


@pytest.fixture(scope="module")
def readers(postgres_server: PostgresServer, clickhouse_server: ClickHouseServer) -> Iterator[Readers]:
    """Both stores, migrated."""
    with clickhouse_server.database() as database, postgres_server.database() as postgres:
        url = f"{clickhouse_server.url}/{database}"
        migrate_stores(postgres, url)
        with psycopg.connect(postgres, autocommit=True) as connection, connect(url) as client:
            connection.execute("CREATE TEMP TABLE copied AS SELECT * FROM events WITH NO DATA")
            client.command("CREATE TABLE copied AS events ENGINE = Memory")
            yield Readers(connection, client)


def micros(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - EPOCH) // timedelta(microseconds=1)


_characters = st.characters(codec="utf-8", exclude_characters="\0")
_names = st.one_of(
    st.text(_characters, min_size=1, max_size=20),
    st.text(st.sampled_from("\\\t\n\r\b\v\f\x07\x1b'\"N.0 \u2028"), min_size=1, max_size=6),
    st.sampled_from(["\\N", "\\.", "\\\\N", "NULL", "\\x41", "\\t"]),
)
_instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_client_times = st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29), timezones=_zones)  # noqa: DTZ001
_properties = st.dictionaries(_names, st.one_of(_names, st.none(), st.booleans(), st.integers(-5, 5)))


@dataclass(frozen=True)
class Case:
    """One event, and what it becomes in both stores."""

    event: LogEvent
    timestamp: datetime
    received_at: datetime
    properties: dict[str, Any]
    context: dict[str, str]
    source: str

    def row(self) -> bytes:
        """The line of it."""
        batch = SubBatch(7, self.received_at, None, self.source, None, None, None, [self.event])
        times = format_times([self.timestamp])
        contexts = [escape_json(encode_properties(self.context).decode())]
        end = row_end(batch, 2**62 - 1, 3, 2**40)
        row = format_rows([self.event], times, contexts, end, plain=False)
        if is_plain(join_sub_batches([encode_sub_batch(batch)])):
            assert format_rows([self.event], times, contexts, end, plain=True) == row
        return row

    def stored(self) -> tuple[Any, ...]:
        """What each store must answer."""
        event = self.event
        return (
            7,
            UUID(event.event_id),
            event.event,
            event.distinct_id,
            micros(self.timestamp),
            None if event.timestamp is None else micros(event.timestamp),
            micros(self.received_at),
            event.session_id,
            self.properties,
            self.context,
            self.source,
            2**62 - 1,
            3,
            2**40,
        )


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    properties = draw(_properties)
    pretty = draw(st.sampled_from([None, 0, "\t"]))
    text = json.dumps(properties, ensure_ascii=draw(st.booleans()), indent=pretty)
    event = LogEvent(
        event_id=str(draw(st.uuids())),
        event=draw(_names),
        distinct_id=draw(_names),
        timestamp=draw(st.none() | _client_times),
        session_id=draw(st.none() | _names),
        properties=Raw(text.replace("\n", draw(st.sampled_from(["\n", "\r\n", " "]))).encode()),
    )
    context = draw(st.dictionaries(_names, _names, max_size=2))
    return Case(event, draw(_instants), draw(_instants), properties, context, draw(_names))


def _case(text: str, timestamp: datetime, client_timestamp: datetime | None) -> Case:
    event = LogEvent(
        "0190A6E0-7c1d-7000-8000-000000000000",
        text,
        text,
        client_timestamp,
        text,
        Raw(json.dumps({text: text})),
    )
    return Case(event, timestamp, timestamp, {text: text}, {text: text}, text)


@example([_case("".join(map(chr, range(1, 256))), EPOCH, EPOCH)])
@example([_case("\\N", EPOCH + timedelta(microseconds=1), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC))])
@example([_case("\U0010ffff\ufffe\ufeff", datetime(2199, 1, 1, 0, 0, 0, 999999, UTC), None)])
@example([_case("a", EPOCH, datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-23, minutes=-59))))])
@given(st.lists(_cases(), min_size=1, max_size=4))
def test_both_stores_read_what_was_written(readers: Readers, cases: list[Case]) -> None:
    """Any text, any time of any zone: what is read back equals what was sent, in both stores."""
    rows = b"".join(case.row() for case in cases)
    expected = [case.stored() for case in cases]
    assert readers.read_postgres(rows) == expected
    assert readers.read_clickhouse(rows) == expected


@given(st.lists(_instants), st.lists(st.none() | _client_times | _instants))
def test_many_times_are_formatted_like_one(instants: list[datetime], sent: list[datetime | None]) -> None:
    """To the byte, since a row that is written again must be the same."""
    assert format_times(instants) == [format_time(instant) for instant in instants]
    assert format_client_times(sent) == [format_client_time(instant) for instant in sent]


@pytest.mark.parametrize("hours", [-23, -16, 16, 23])
def test_times_beyond_the_last_year_are_stored(readers: Readers, hours: int) -> None:
    """The last second of 9999 in a zone that PostgreSQL does not know stops nothing."""
    zone = timezone(timedelta(hours=hours))
    case = _case("a", EPOCH, datetime(9999, 12, 31, 23, 59, 59, tzinfo=zone))
    last = micros(datetime.max.replace(tzinfo=UTC))
    assert [row[5] for row in readers.read_postgres(case.row())] == [
        min(last, micros(datetime(9999, 12, 31, 23, 59, 59, tzinfo=zone)))
    ]
    assert len(readers.read_clickhouse(case.row())) == 1
