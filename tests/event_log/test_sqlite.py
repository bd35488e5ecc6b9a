"""The embedded log: crashes, several processes, full disks, damage, age."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from event_log import Message, Retention
from event_log.errors import (
    EventLogClosed,
    EventLogCorrupt,
    EventLogFull,
    EventLogRefused,
    EventLogUnavailable,
    OffsetGone,
)
from event_log.opening import open_event_log
from event_log.sqlite import SQLiteEventLog
from event_log.sqlite_partition import PartitionFile

ROOT = Path(__file__).parents[2]


def start_appender(folder: Path, name: str, count: int, *limit: int) -> subprocess.Popen[str]:
    """Start `sqlite_appender.py`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.event_log.sqlite_appender", folder, name, str(count), *map(str, limit)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


async def read_all(folder: Path, from_offset: int = 0) -> list[Message]:
    """Everything that a log of one partition holds."""
    log = await SQLiteEventLog.open(folder, partitions=1)
    end = await log.end(0)
    messages: list[Message] = []
    if end > from_offset:
        async with asyncio.timeout(30), aclosing(log.read(0, from_offset)) as reading:
            async for message in reading:
                messages.append(message)
                if message.offset == end - 1:
                    break
    await log.close()
    return messages


@pytest.mark.parametrize("acknowledged_first", [1, 150, 400])
async def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path, acknowledged_first: int) -> None:
    """A process that is killed while it appends leaves a log with all that it acknowledged, without a hole."""
    appender = start_appender(tmp_path, "a", 1_000_000)
    assert appender.stdout is not None
    acknowledged = [appender.stdout.readline().strip() for _ in range(acknowledged_first)]
    appender.kill()
    acknowledged += [line.strip() for line in appender.stdout if line.endswith("\n")]
    appender.stdout.close()
    appender.wait()
    messages = await read_all(tmp_path)
    assert {body.encode() for body in acknowledged} <= {message.body for message in messages}
    assert [message.offset for message in messages] == list(range(len(messages)))


async def test_two_processes_append_without_gaps_or_repeats(tmp_path: Path) -> None:
    """Offsets stay contiguous, and each process's messages are all there, while a reader follows."""
    appenders = [start_appender(tmp_path, name, 300) for name in ("a", "b")]
    log = await SQLiteEventLog.open(tmp_path, partitions=1)
    messages: list[Message] = []
    async with asyncio.timeout(60), aclosing(log.read(0, 0)) as reading:
        async for message in reading:
            messages.append(message)
            if len(messages) == 600:
                break
    await log.close()
    for appender in appenders:
        output, _ = await asyncio.to_thread(appender.communicate)
        assert len(output.splitlines()) == 300
    assert [message.offset for message in messages] == list(range(600))
    assert {message.body for message in messages} == {
        b"%s:%d" % (name, i) for name in (b"a", b"b") for i in range(300)
    }


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """What was acknowledged before and after is there; what was refused is not."""
    appender = start_appender(tmp_path, "-", 0, 1_000_000)
    output, _ = await asyncio.to_thread(appender.communicate)
    refused, recovered = output.splitlines()
    assert recovered == "recovered"
    stored = int(refused.removeprefix("refused "))
    assert stored > 10
    bodies = [message.body for message in await read_all(tmp_path)]
    assert [body.split(b":")[0] for body in bodies] == [
        *(b"%d" % number for number in range(stored)),
        b"after",
    ]


async def test_another_writer_that_holds_the_file_makes_appends_unavailable(tmp_path: Path) -> None:
    """A lock held too long is retryable, and passes."""
    log = await SQLiteEventLog.open(tmp_path, partitions=1, append_timeout=0.05)
    blocker = sqlite3.connect(tmp_path / "partition-0.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(EventLogUnavailable, match="locked"):
        await log.append(0, b"refused")
    blocker.execute("COMMIT")
    blocker.close()
    await log.append(0, b"stored")
    await log.close()
    assert await read_all(tmp_path) == [Message(0, b"stored")]


async def test_a_damaged_file_says_which_and_what_to_do(tmp_path: Path) -> None:
    """Damage is permanent and names the file and the remedy."""
    log = await SQLiteEventLog.open(tmp_path, partitions=1)
    await log.append(0, b"x")
    await log.close()
    (tmp_path / "partition-0.sqlite3").write_bytes(b"this is no database" * 1_000)
    with pytest.raises(EventLogCorrupt, match=r"partition-0\.sqlite3 is damaged .* recover"):
        await SQLiteEventLog.open(tmp_path, partitions=1)
    (tmp_path / "log.json").write_text("{")
    with pytest.raises(EventLogCorrupt, match=r"log\.json is damaged"):
        await SQLiteEventLog.open(tmp_path, partitions=1)


async def test_old_messages_go_by_the_clock(tmp_path: Path) -> None:
    """Age retention deletes a prefix: what is older than the limit, and offsets go on where they were."""
    now = 1_000.0
    log = await SQLiteEventLog.open(
        tmp_path, partitions=1, retention=Retention(max_age=timedelta(seconds=60)), clock=lambda: now
    )
    for _ in range(3):
        await log.append(0, b"old")
    await log.close()
    now += 61
    log = await SQLiteEventLog.open(
        tmp_path, partitions=1, retention=Retention(max_age=timedelta(seconds=60)), clock=lambda: now
    )
    await log.append(0, b"new")
    await log.close()
    with pytest.raises(OffsetGone) as caught:
        await read_all(tmp_path)
    assert caught.value.oldest == 3
    assert await read_all(tmp_path, 3) == [Message(3, b"new")]


async def test_deleted_space_is_used_again(tmp_path: Path) -> None:
    """Under size retention the file stops growing, however much passes through."""
    log = await SQLiteEventLog.open(tmp_path, partitions=1, retention=Retention(max_bytes=2_000_000))
    for _ in range(20):
        await asyncio.gather(*(log.append(0, b"x" * 50_000) for _ in range(20)))
    assert await log.size_bytes(0) < 4_000_000
    assert await log.end(0) == 400
    await log.close()
    assert (tmp_path / "partition-0.sqlite3").stat().st_size < 6_000_000


async def test_a_log_with_a_capacity_refuses_instead_of_deleting_until_it_is_trimmed(tmp_path: Path) -> None:
    """A spool: full is retryable, nothing is lost, and draining makes room; offsets never start again."""
    log = await SQLiteEventLog.open(tmp_path, partitions=1, capacity_bytes=300_000)

    async def append_until_full() -> None:
        while True:
            await log.append(0, b"x" * 10_000)

    with pytest.raises(EventLogFull):
        await append_until_full()
    stored = await log.end(0)
    assert stored > 10
    await log.trim(0, stored)
    await log.append(0, b"after")
    await log.close()
    assert await read_all(tmp_path, stored) == [Message(stored, b"after")]


async def test_opening_an_unknown_scheme_or_an_unwritable_folder_says_so(tmp_path: Path) -> None:
    """A typing error in the URL is permanent; a folder that cannot be made is retryable."""
    with pytest.raises(EventLogRefused, match="got kafka"):
        await open_event_log("kafka://broker", partitions=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(EventLogUnavailable):
        await SQLiteEventLog.open(tmp_path / "file" / "log", partitions=1)


CLOSE_WHILE_FETCHING = """
import sys, threading
from pathlib import Path
from event_log.errors import EventLogClosed
from event_log.sqlite_partition import PartitionFile

def fetch_until_closed(file, outcomes):
    try:
        while True:
            file.fetch(1, max_messages=10, max_bytes=1000)
    except EventLogClosed:
        outcomes.append("closed")

sys.setswitchinterval(1e-5)
outcomes = []
for _ in range(400):
    file = PartitionFile(Path(sys.argv[1]) / "partition-0.sqlite3", timeout=5)
    if not file.bounds().end:
        file.append([b"one"], now=0.0)
    fetching = threading.Thread(target=fetch_until_closed, args=(file, outcomes))
    fetching.start()
    file.close()
    fetching.join()
print(outcomes.count("closed"))
"""


def test_closing_during_the_last_fetch_ends_it(tmp_path: Path) -> None:
    """A reader at the end of the log that another thread closes gets `EventLogClosed`, every time.

    In a process of its own: SQLite crashes the whole process when a connection is closed under a call.
    """
    done = subprocess.run(
        [sys.executable, "-c", CLOSE_WHILE_FETCHING, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "400\n", "")


def test_a_closed_partition_refuses_every_call(tmp_path: Path) -> None:
    """Nothing of a closed file answers, and closing it again does nothing."""
    file = PartitionFile(tmp_path / "partition-0.sqlite3", timeout=5)
    file.append([b"one"], now=0.0)
    file.close()
    file.close()
    for call in (
        file.bounds,
        file.used_bytes,
        lambda: file.fetch(0, max_messages=1, max_bytes=1),
        lambda: file.append([b"two"], now=0.0),
        lambda: file.trim(1),
    ):
        with pytest.raises(EventLogClosed):
            call()
