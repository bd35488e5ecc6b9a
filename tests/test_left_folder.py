"""A partition goes on without its folder, whose beginning the event log has forgotten; and the folder comes back."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from dataflows.partition_folder import owned
from event_log.sqlite import SQLiteEventLog
from schemas.envelope import LogEvent
from tests.dataflows.running_flow import Stack, running_stack, wait_until
from tests.dataflows.stored_once import assert_stored_once, assert_verified
from tests.dataflows.traffic import ARRIVAL, append, make_events
from tests.fixtures_clickhouse import ClickHouseServer


@pytest.fixture
def stack(postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path) -> Iterator[Stack]:
    """Stores with a schema, an event log of two partitions, no dataflow yet."""
    with running_stack(postgres_database, clickhouse_server, tmp_path / "data") as stack:
        yield stack


async def leave_folders_behind(stack: Stack, events: list[LogEvent]) -> Path:
    """Store events, put the folders away, and have the log forget the first 50 messages' worth of them."""
    stack.start()
    await append(stack, events, ARRIVAL, 5)
    await assert_stored_once(stack, events)
    stack.stop()
    left = stack.data / "left"
    (stack.data / "dataflow").rename(left)
    log = await SQLiteEventLog.open(stack.data / "log", partitions=2)
    for partition in range(2):
        await log.trim(partition, 20)
    await log.close()
    return left


async def leave_folders_and_go_on(stack: Stack, seed: int) -> tuple[list[LogEvent], Path]:
    """Leave folders behind, and store more without them; return all 1,200 events, and the folders.

    Args:
        stack: without a dataflow; left without one.
        seed: of the events that come before; those after have the next.
    """
    events = make_events(1_000, seed=seed)
    left = await leave_folders_behind(stack, events)
    stack.start()
    more = make_events(200, seed=seed + 1)
    await append(stack, more, ARRIVAL + timedelta(seconds=8), 5)
    await assert_stored_once(stack, events + more)
    stack.stop()
    return events + more, left


def recorded_places(stack: Stack) -> list[str]:
    """Where PostgreSQL says that the folders are that the numbers rest on."""
    with psycopg.connect(stack.postgres_dsn) as connection:
        return [str(place) for (place,) in connection.execute("SELECT place FROM partition_folders")]


async def test_what_is_sent_again_is_recognised_without_the_folder(stack: Stack) -> None:
    """Ids that the log still holds are learned again: a retry after the move is stored and counted once."""
    events = make_events(1_000, seed=41)
    await leave_folders_behind(stack, events)
    # The times of a retry differ by a little, so nothing but the id tells that it is one.
    await append(stack, events[-300:], ARRIVAL + timedelta(seconds=7), 5)
    new = make_events(200, seed=42)
    await append(stack, new, ARRIVAL + timedelta(seconds=8), 5)
    stack.start()
    await assert_stored_once(stack, events + new)
    assert_verified(stack, 1_200)
    assert len(recorded_places(stack)) == 2


async def test_a_folder_that_was_left_behind_does_not_go_on(stack: Stack) -> None:
    """It would count again what was counted without it: its dataflow ends, and says where the right folder is."""
    events, left = await leave_folders_and_go_on(stack, seed=43)
    right = stack.data / "right"
    (stack.data / "dataflow").rename(right)
    shutil.copytree(left, stack.data / "dataflow")
    refused = stack.start()
    assert await asyncio.to_thread(refused.wait, 60) == 1
    said = stack.log_file.read_text()
    assert "is out of date" in said
    assert any(place in said for place in recorded_places(stack))
    # What it says to do.
    shutil.rmtree(stack.data / "dataflow")
    right.rename(stack.data / "dataflow")
    last = make_events(100, seed=45)
    await append(stack, last, ARRIVAL + timedelta(seconds=9), 5)
    stack.start()
    await assert_stored_once(stack, events + last)
    assert_verified(stack, 1_300)


async def test_an_outdated_folder_that_is_deleted_is_no_hindrance(stack: Stack) -> None:
    """The other thing that it says to do: without any folder the dataflow goes on from the stores again."""
    events, left = await leave_folders_and_go_on(stack, seed=46)
    shutil.rmtree(left)
    shutil.rmtree(stack.data / "dataflow")
    last = make_events(100, seed=48)
    await append(stack, last, ARRIVAL + timedelta(seconds=9), 5)
    stack.start()
    wait_until(lambda: stack.raw_events() == 1_300, "all events stored", stack.log_file)
    await assert_stored_once(stack, events + last)
    assert_verified(stack, 1_300)


async def test_a_dataflow_that_waited_for_its_log_is_not_taken_for_an_older_one(stack: Stack) -> None:
    """A new folder in which nothing is kept yet, left by a process that was killed early, goes on like any."""
    events, left = await leave_folders_and_go_on(stack, seed=49)
    shutil.rmtree(left)
    for folder in (stack.data / "dataflow").glob("*-*"):
        shutil.rmtree(folder)
        with owned(folder) as new:
            new.create_recovery_store()
    stack.start()
    last = make_events(100, seed=51)
    await append(stack, last, ARRIVAL + timedelta(seconds=9), 5)
    await assert_stored_once(stack, events + last)
    assert_verified(stack, 1_300)
