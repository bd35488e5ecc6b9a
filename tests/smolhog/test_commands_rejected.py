"""Rejected events are listed, shown, and sent again: what passes then is stored once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec import Raw

from event_log.opening import open_event_log
from schemas.envelope import LogEvent, RejectedEvent, encode_sub_batch, join_sub_batches
from schemas.reasons import RejectReason
from tests.dataflows.running_flow import PARTITIONS, Stack, running_stack, wait_until
from tests.dataflows.traffic import ARRIVAL, START, make_events, sub_batch
from tests.fixtures_clickhouse import ClickHouseServer

_GOOD_NOW = (
    b'{"event":"paid","distinct_id":"u1","timestamp":"2026-03-01T12:00:00Z","properties":{"n":"\xc3\xa9"}}'
)
_FIRST_SDK = b'{"event_name":"paid","user_id":"u2","event_id":"1-abc","properties":null}'
_BAD = b'{"event":"paid","distinct_id":"u1","properties":{"n":NaN}}'


@pytest.fixture
def stack(postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path) -> Iterator[Stack]:
    """Stores with a schema, an embedded event log, no dataflow yet."""
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data") as stack:
        yield stack


def listed(stack: Stack, *arguments: str) -> list[dict[str, Any]]:
    """What `smolhog rejected list` says."""
    done = stack.smolhog("rejected", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def replay(stack: Stack, *arguments: str) -> str:
    """What `smolhog rejected replay` says."""
    done = stack.smolhog("rejected", "replay", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def append_refused(stack: Stack) -> None:
    """One message: ten good events, three that the gateway refused, one that the dataflow will refuse."""
    by_first_sdk = sub_batch(
        [], ARRIVAL, [RejectedEvent(RejectReason.INVALID_EVENT_ID, "no UUID", _FIRST_SDK)]
    )
    by_first_sdk.source = "http.first_sdk"
    twice = LogEvent("0190a6e0-7c1d-7000-8000-000000000001", "pay", "u", START, None, Raw(b'{"a":1,"a":2}'))
    refused = [
        RejectedEvent(RejectReason.EVENT_TOO_LARGE, "over the limit of that day", _GOOD_NOW),
        RejectedEvent(RejectReason.NUMBER_OUT_OF_RANGE, "NaN", _BAD),
    ]
    body = join_sub_batches(
        [
            encode_sub_batch(sub_batch([*make_events(10, 31), twice], ARRIVAL, refused)),
            encode_sub_batch(by_first_sdk),
        ]
    )
    log = await open_event_log(stack.event_log_url, partitions=PARTITIONS)
    await log.append(0, body)
    await log.close()


async def test_what_passes_now_is_sent_again_and_stored_once(stack: Stack) -> None:
    """With an id made of its place in the log; what is still refused stays, and keeps its reason."""
    await append_refused(stack)
    stack.start()
    wait_until(lambda: stack.raw_events() == 10, "the good neighbours stored", stack.log_file)
    rejected = listed(stack)
    assert sorted(row["reason"] for row in rejected) == [
        "duplicate_key",
        "event_too_large",
        "invalid_event_id",
        "number_out_of_range",
    ]
    said = replay(stack, "--dry-run")
    assert "2 events would pass." in said
    assert stack.raw_events() == 10
    said = replay(stack)
    assert "2 events sent again." in said
    assert "1 still refused: number_out_of_range" in said
    assert "1 still refused: duplicate_key" in said
    wait_until(lambda: stack.raw_events() == 12, "the replayed events stored", stack.log_file)
    assert "0 events sent again." in replay(stack)
    marked = {row["reason"] for row in listed(stack) if row["replayed_at"]}
    assert marked == {"event_too_large", "invalid_event_id"}
    # As if the mark had been lost with the command that was to set it.
    with psycopg.connect(stack.postgres_dsn) as connection:
        connection.execute("UPDATE rejected_events SET replayed_at = NULL")
    assert "2 events sent again." in replay(stack)
    done = stack.smolhog("verify")
    assert done.returncode == 0, done.stdout
    with psycopg.connect(stack.postgres_dsn) as connection:
        found = connection.execute(
            "SELECT distinct_id, timestamp, received_at, properties FROM events WHERE event = 'paid' ORDER BY 1"
        ).fetchall()
    assert found == [("u1", START, ARRIVAL, {"n": "é"}), ("u2", ARRIVAL, ARRIVAL, {})]


async def test_list_filters_and_show_tells_all(stack: Stack) -> None:
    """By reason and arrival; what came is shown as it came; an unknown number is a sentence."""
    await append_refused(stack)
    stack.start()
    wait_until(lambda: stack.raw_events() == 10, "the good neighbours stored", stack.log_file)
    assert [row["payload"] for row in listed(stack, "--reason", "event_too_large")] == [_GOOD_NOW.decode()]
    assert listed(stack, "--to", "2026-03-01T12:00:00Z") == []
    assert len(listed(stack, "--from", "2026-03-01", "--limit", "3")) == 3
    number = str(listed(stack, "--reason", "number_out_of_range")[0]["rejected_id"])
    shown = stack.smolhog("rejected", "show", number)
    assert _BAD.decode() in shown.stdout
    assert "number_out_of_range" in stack.smolhog("rejected", "list").stdout
    assert "1 still refused" in replay(stack, "--number", number)
    missing = stack.smolhog("rejected", "show", "999999")
    assert missing.returncode == 1
    assert "there is no rejected event 999999" in missing.stderr


async def test_a_flood_of_refusals_stops_the_dataflow(stack: Stack) -> None:
    """When it refuses most of what the gateway took, it stops and says so; the log keeps everything."""
    log = await open_event_log(stack.event_log_url, partitions=PARTITIONS)
    for _ in range(120):
        await log.append(0, b'[9,["a format of the future"]]')
    await log.close()
    process = stack.start()
    assert process.wait(timeout=60) != 0
    said = stack.log_file.read_text()
    assert "of the last 12,000 events were refused though the gateway took them" in said
    assert "SMOLHOG_MAX_REJECTED_RATIO=1" in said
    assert listed(stack) == []
