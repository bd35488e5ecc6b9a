"""`smolhog verify` finds every wrong number, and `smolhog rebuild` puts it right while events stream in."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from event_log.sqlite import SQLiteEventLog
from schemas.envelope import LogEvent
from tests.dataflows.running_flow import PARTITIONS, Stack, running_stack, wait_until
from tests.dataflows.stored_once import assert_stored_once, assert_verified, verify
from tests.dataflows.traffic import ARRIVAL, append, make_events
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_rabbitmq import RabbitMQ

RANGE = ("--from", "2026-03-01T12:00:00Z", "--to", "2026-03-01T18:00:00Z")


@pytest.fixture
def stack(postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path) -> Iterator[Stack]:
    """Stores with a schema, an embedded event log, no dataflow yet."""
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data") as stack:
        yield stack


def rebuild(stack: Stack, *arguments: str) -> str:
    """What a rebuild that works prints."""
    done = stack.smolhog("rebuild", "--yes", *(arguments or RANGE))
    assert done.returncode == 0, done.stderr + stack.log_file.read_text()[-3000:]
    return done.stdout


async def store_and_kill(stack: Stack, events: list[LogEvent]) -> None:
    """Have events stored, and kill the dataflow."""
    stack.start()
    await append(stack, events, ARRIVAL)
    await assert_stored_once(stack, events)
    stack.stop()


def lose_recovery_stores(stack: Stack) -> None:
    """Delete what a dataflow would go on with."""
    for folder in (stack.data / "dataflow").glob("*-*/recovery"):
        shutil.rmtree(folder)


def damage(stack: Stack) -> None:
    """Delete an hour of minutes, and say a wrong number of an hour's event and of one value."""
    stack.delete("rollup_minute", "toStartOfHour(bucket) = '2026-03-01 13:00:00'")
    stack.clickhouse(
        "INSERT INTO rollup_hour SELECT * REPLACE (total + 7 AS total) FROM rollup_hour FINAL "
        "WHERE bucket = '2026-03-01 14:00:00' AND event = 'home' AND dimension = '' LIMIT 1"
    )
    stack.clickhouse(
        "INSERT INTO rollup_hour SELECT * REPLACE (total + 1 AS total) FROM rollup_hour FINAL "
        "WHERE bucket = '2026-03-01 15:00:00' AND event = 'home' AND dimension = 'platform' LIMIT 1"
    )


async def test_damage_is_found_and_rebuilt_while_events_stream_in(stack: Stack) -> None:
    """Exactly the damaged cells differ; after a rebuild nothing does, and nothing of the stream is lost."""
    events = make_events(3_000, seed=21)
    await append(stack, events[:2_000], ARRIVAL)
    stack.start()
    await assert_stored_once(stack, events[:2_000])
    assert_verified(stack, 2_000)
    damage(stack)
    code, found = verify(stack, "--dimensions")
    assert code == 1
    minutes = [cell for cell in found["cells"] if cell["table"] == "rollup_minute"]
    totals = [cell for cell in minutes if not cell["dimension"]]
    assert {cell["bucket"][:13] for cell in minutes} == {"2026-03-01 13"}
    assert all(cell["stored"] == 0 for cell in totals)
    inside = [e for e in events[:2_000] if e.timestamp and e.timestamp.hour == 13]
    assert sum(cell["raw"] for cell in totals) == len(inside)
    hours = [cell for cell in found["cells"] if cell["table"] == "rollup_hour"]
    wrong = {
        (cell["bucket"], cell["event"], cell["dimension"]): cell["stored"] - cell["raw"] for cell in hours
    }
    assert wrong.pop(("2026-03-01 14:00 UTC", "home", "")) == 7
    assert set(wrong) == {("2026-03-01 15:00 UTC", "home", "platform")}
    assert "home" in stack.smolhog("verify").stdout

    async def stream() -> None:
        for begin in range(2_000, 3_000, 50):
            await append(stack, events[begin : begin + 50], ARRIVAL + timedelta(minutes=begin - 2_000), 10)
            await asyncio.sleep(0.05)  # the pace of the stream, not a wait for anything

    streaming = asyncio.create_task(stream())
    printed = await asyncio.to_thread(rebuild, stack, *RANGE, "--columnar")
    assert "anew" in printed
    code, found = await asyncio.to_thread(verify, stack)
    assert (found["cells"], code) == ([], 0)
    await streaming
    await assert_stored_once(stack, events)
    assert_verified(stack, 3_000)


_KILLED = """
import os, sys
import dataflows.rebuild as rebuilding
replace, left = rebuilding._replace, [int(sys.argv.pop(1))]
def replace_some(*arguments):
    if not left[0]:
        os.kill(os.getpid(), 9)
    left[0] -= 1
    replace(*arguments)
rebuilding._replace = replace_some
from smolhog.cli import main
main()
"""


def rebuild_killed_after(stack: Stack, hours: int) -> None:
    """A rebuild that gets so far and no further."""
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(hours), "rebuild", "--yes", *RANGE],
        env=stack.environment,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr


@pytest.mark.parametrize("hours", [0, 1, 3])
async def test_a_rebuild_that_was_killed_is_repaired_by_another(stack: Stack, hours: int) -> None:
    """Killed after none, one or some of the hours, and again, the next one comes to the right numbers."""
    events = make_events(1_500, seed=22)
    stack.start()
    await append(stack, events[:1_000], ARRIVAL)
    await assert_stored_once(stack, events[:1_000])
    damage(stack)
    for _ in range(2):
        rebuild_killed_after(stack, hours)
    await append(stack, events[1_000:], ARRIVAL)
    rebuild(stack)
    await assert_stored_once(stack, events)
    assert_verified(stack, 1_500)
    rebuild(stack)
    assert_verified(stack, 1_500)


async def test_a_dataflow_killed_around_a_rebuild_brings_nothing_back(stack: Stack) -> None:
    """A replay of the log from before the rebuild emits old segments again, which count nothing any more."""
    events = make_events(1_200, seed=23)
    stack.start()
    await append(stack, events[:600], ARRIVAL)
    await assert_stored_once(stack, events[:600])
    rebuild(stack)
    stack.stop()
    lose_recovery_stores(stack)
    await append(stack, events[600:], ARRIVAL + timedelta(minutes=1))
    stack.start()
    await assert_stored_once(stack, events)
    assert_verified(stack, 1_200)


async def test_without_its_recovery_store_the_dataflow_reads_the_log_again(stack: Stack) -> None:
    """While the log still has its beginning, everything comes out as before."""
    events = make_events(1_500, seed=24)
    await store_and_kill(stack, events[:1_000])
    lose_recovery_stores(stack)
    await append(stack, events[1_000:], ARRIVAL + timedelta(hours=2))
    stack.start()
    await assert_stored_once(stack, events)
    assert_verified(stack, 1_500)


@pytest.mark.parametrize("lost", ["recovery", "all"])
async def test_without_state_and_the_log_s_beginning_it_warns_and_a_rebuild_heals(
    stack: Stack, lost: str
) -> None:
    """It goes on with what the stores hold, counts nothing twice, and names the time to rebuild."""
    events = make_events(1_500, seed=25)
    await store_and_kill(stack, events[:1_000])
    for folder in (stack.data / "dataflow").glob("*-*"):
        shutil.rmtree(folder / "recovery" if lost == "recovery" else folder)
    # What was emitted last is lost with the store's disk: the numbers lack events.
    stack.delete("rollup_hour", "total > 5")
    with psycopg.connect(stack.postgres_dsn) as connection:
        positions = connection.execute("SELECT log_partition, next_offset FROM sink_positions").fetchall()
    log = await SQLiteEventLog.open(stack.data / "log", partitions=PARTITIONS)
    for partition, next_offset in positions:
        await log.trim(partition, next_offset - 2)
    await log.close()
    await append(stack, events[1_000:], ARRIVAL + timedelta(minutes=1))
    stack.start()
    wait_until(lambda: stack.raw_events() == 1_500, "all events stored", stack.log_file)
    wait_until(lambda: stack.rollup_total("rollup_minute") >= 1_500, "the minutes counted", stack.log_file)
    assert stack.rollup_total("rollup_minute") == 1_500
    said = stack.log_file.read_text()
    assert "state of the dataflow is lost" in said
    # Log time stood at 18:00, an hour and the grace time before that is 16:58.
    assert "smolhog rebuild --columnar --from 2026-03-01T16:00:00Z --to" in said
    code, found = verify(stack)
    assert code == 1
    assert {cell["table"] for cell in found["cells"]} == {"rollup_hour"}
    rebuild(stack)
    assert_verified(stack, 1_500)


async def test_events_of_a_log_that_is_gone_are_counted_too(stack: Stack) -> None:
    """A new log begins at offset 0 again; a rebuild counts the raw events of the old one as well."""
    events = make_events(1_000, seed=26)
    await store_and_kill(stack, events[:500])
    shutil.rmtree(stack.data / "log")
    await append(stack, events[500:], ARRIVAL)
    stack.start()
    await assert_stored_once(stack, events)
    damage(stack)
    rebuild(stack)
    await assert_stored_once(stack, events)
    assert_verified(stack, 1_000)


async def test_the_columnar_copy_is_filled_up(stack: Stack) -> None:
    """What the copy lacks is found, and added from PostgreSQL with users and sessions."""
    events = make_events(600, seed=27)
    stack.start()
    await append(stack, events, ARRIVAL)
    await assert_stored_once(stack, events)
    stack.delete("events", "event = 'home'")
    for table in ("distinct_users_hour", "distinct_users_day", "sessions"):
        stack.delete(table, "1")
    code, found = verify(stack)
    homes = sum(event.event == "home" for event in events)
    assert (code, found["difference"]) == (1, homes)
    assert {cell["table"] for cell in found["cells"]} == {"events"}
    assert f"Added {homes} events" in rebuild(stack, *RANGE, "--columnar")
    await assert_stored_once(stack, events)
    assert_verified(stack, 600)
    rows = stack.clickhouse("SELECT event_id, properties, session_id FROM events FINAL WHERE event = 'home'")
    sent = {event.event_id: event for event in events}
    for event_id, properties, session_id in rows:
        event = sent[str(event_id)]
        assert json.loads(str(properties)) == json.loads(bytes(event.properties))
        assert session_id == event.session_id
    sessions = stack.clickhouse("SELECT uniqMerge(events) FROM sessions GROUP BY session_id")
    assert sum(int(str(count)) for (count,) in sessions) == 600


def test_what_cannot_be_checked_is_not_called_right(stack: Stack) -> None:
    """Exit code 2 says that nothing was compared; a rebuild without a dataflow changes nothing."""
    stack.clickhouse_url = "http://127.0.0.1:9/smolhog"
    done = stack.smolhog("verify")
    assert done.returncode == 2
    assert "ClickHouse does not answer" in done.stderr
    assert stack.smolhog("verify", "--from", "soon").returncode == 2
    assert stack.smolhog("verify", "--from", "2026-01-02", "--to", "2026-01-01").returncode == 2


def test_a_rebuild_without_a_dataflow_says_so(stack: Stack) -> None:
    """It waits, names the partition, and has changed nothing."""
    done = stack.smolhog("rebuild", "--yes", "--wait", "1", *RANGE)
    assert done.returncode == 1
    assert "partition 0: the dataflow has come to offset 0" in done.stderr
    assert "nothing was changed" in done.stderr


async def test_the_same_over_rabbitmq(
    own_rabbitmq: RabbitMQ,
    postgres_database: str,
    clickhouse_server: ClickHouseServer,
    tmp_path: Path,
) -> None:
    """Control messages are found again in streams, whose offsets have gaps."""
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data", own_rabbitmq.url) as stack:
        events = make_events(1_200, seed=28)
        stack.start()
        await append(stack, events[:800], ARRIVAL)
        await assert_stored_once(stack, events[:800])
        damage(stack)
        rebuild(stack)
        await append(stack, events[800:], ARRIVAL)
        await assert_stored_once(stack, events)
        assert_verified(stack, 1_200)
