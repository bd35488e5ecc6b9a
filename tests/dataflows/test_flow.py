"""The built-in dataflow, from the event log into both stores, killed at any moment."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from msgspec import Raw

from event_log.opening import open_event_log
from schemas.envelope import (
    LogEvent,
    RejectedEvent,
    encode_sub_batch,
    join_sub_batches,
)
from schemas.reasons import RejectReason
from tests.dataflows.running_flow import PARTITIONS, Stack, running_stack, wait_until
from tests.dataflows.stored_once import assert_stored_once
from tests.dataflows.traffic import START, append, make_events, sub_batch
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_rabbitmq import RabbitMQ


@pytest.fixture
def stack(postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path) -> Iterator[Stack]:
    """Stores with a schema, an embedded event log, no dataflow yet."""
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data") as stack:
        yield stack


async def test_events_reach_both_stores_and_are_counted(stack: Stack) -> None:
    """Raw rows, the columnar copy, rollups, distinct users and sessions agree with what was sent."""
    events = make_events(3_000, seed=1)
    await append(stack, events, START + timedelta(hours=6))
    stack.start()
    await assert_stored_once(stack, events)
    sessions = stack.clickhouse(
        "SELECT session_id, uniqMerge(events), min(started_at) FROM sessions GROUP BY session_id"
    )
    counted = Counter(event.session_id for event in events)
    assert {str(session): count for session, count, _ in sessions} == counted


async def test_a_repeated_event_is_stored_and_counted_once(stack: Stack) -> None:
    """Retries in the same message, in a later one, and with another time are dropped."""
    events = make_events(200, seed=2)
    stack.start()
    await append(stack, [*events, *events], START + timedelta(hours=6))
    later = [
        LogEvent(e.event_id, e.event, e.distinct_id, START, e.session_id, e.properties) for e in events[:50]
    ]
    await append(stack, later, START + timedelta(hours=7))
    marker = make_events(20, seed=3)
    await append(stack, marker, START + timedelta(hours=7))
    await assert_stored_once(stack, [*events, *marker])


async def test_rejected_events_are_kept_with_their_reason(stack: Stack) -> None:
    """What the gateway refused, what the dataflow refuses, and a damaged message all end in one table."""
    good = make_events(10, seed=4)
    twice = LogEvent(good[0].event_id, "pay", "user_1", START, None, Raw(b'{"a":1,"a":2}'))
    refused = RejectedEvent(RejectReason.NUL_CHARACTER, "no U+0000", b'{"event":"\\u0000"}', None)
    batch = sub_batch([twice, *good], START + timedelta(hours=6), [refused])
    log = await open_event_log(stack.event_log_url, partitions=PARTITIONS)
    await log.append(0, join_sub_batches([encode_sub_batch(batch)]))
    await log.append(0, b"\xff not an envelope")
    await log.close()
    stack.start()
    wait_until(lambda: stack.raw_events() == 10, "the good neighbours in PostgreSQL", stack.log_file)
    read = "SELECT reason, rejected_by, payload FROM rejected_events ORDER BY log_offset, reason"

    def rejected() -> list[tuple[str, str, bytes]]:
        with psycopg.connect(stack.postgres_dsn) as connection:
            return [(str(r), str(by), bytes(p)) for r, by, p in connection.execute(read).fetchall()]

    wait_until(lambda: len(rejected()) == 3, "three rejected events", stack.log_file)
    found = rejected()
    assert [row[:2] for row in found] == [
        ("duplicate_key", "dataflow"),
        ("nul_character", "gateway"),
        ("malformed", "dataflow"),
    ]
    assert b'{"a":1,"a":2}' in found[0][2]
    assert found[2][2] == b"\xff not an envelope"


@pytest.mark.parametrize("seed", [11, 12])
async def test_killed_at_any_moment_nothing_is_lost_or_counted_twice(stack: Stack, seed: int) -> None:
    """SIGKILL again and again while events stream in; the last process finishes the job."""
    chance = random.Random(seed)
    events = make_events(8_000, seed)
    pieces = [events[begin : begin + 1_000] for begin in range(0, len(events), 1_000)]
    for number, piece in enumerate(pieces):
        process = stack.start()
        # Log time runs on, so groups are closed and opened again by late events.
        await append(stack, piece, START + timedelta(hours=6, minutes=7 * number), per_message=20)
        seen = chance.randrange(number * 1_000 + 1_000)
        wait_until(lambda seen=seen: stack.raw_events() >= seen, f"{seen} events stored", stack.log_file)  # type: ignore[misc]
        process.kill()
        process.wait()
    stack.start()
    await assert_stored_once(stack, events)


async def test_partitions_are_shared_among_processes_and_move_between_them(stack: Stack) -> None:
    """Two processes take a partition each; when they are gone, one takes over both."""
    events = make_events(2_000, seed=5)
    both = [stack.start(index, 2) for index in range(2)]
    await append(stack, events[:1_000], START + timedelta(hours=6))
    wait_until(lambda: stack.raw_events() == 1_000, "the first half stored", stack.log_file)
    for process in both:
        process.kill()
        process.wait()
    await append(stack, events[1_000:], START + timedelta(hours=6, minutes=1))
    stack.start(0, 1)
    await assert_stored_once(stack, events)


async def test_a_second_dataflow_of_a_partition_stops(stack: Stack) -> None:
    """It says that the partition is taken, and the first goes on undisturbed."""
    first = stack.start()
    await append(stack, make_events(100, seed=6), START + timedelta(hours=6))
    wait_until(lambda: stack.raw_events() == 100, "the first events stored", stack.log_file)
    second = stack.start()
    assert second.wait(timeout=60) != 0
    assert "another process on this machine uses" in stack.log_file.read_text()
    await append(stack, make_events(100, seed=7), START + timedelta(hours=6))
    wait_until(lambda: stack.raw_events() == 200, "the next events stored", stack.log_file)
    assert first.poll() is None


@pytest.mark.shards_too
async def test_the_same_over_rabbitmq(
    empty_rabbitmq: RabbitMQ,
    postgres_database: str,
    clickhouse_server: ClickHouseServer,
    tmp_path: Path,
) -> None:
    """With a broker's streams as the event log, a kill in the middle changes no number."""
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data", empty_rabbitmq.url) as stack:
        events = make_events(2_000, seed=8)
        process = stack.start()
        await append(stack, events[:1_000], START + timedelta(hours=6))
        wait_until(lambda: stack.raw_events() > 0, "some events stored", stack.log_file)
        process.kill()
        process.wait()
        await append(stack, events[1_000:], START + timedelta(hours=6, minutes=1))
        stack.start()
        await assert_stored_once(stack, events)
