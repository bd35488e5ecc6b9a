"""Events on disk: bounds, owners, and what is left after a SIGKILL."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from smolhog_client import Client, DiskQueueError, Event, SyncClient
from smolhog_client.disk_queue import DiskQueue
from smolhog_client.overflow import Overflow
from smolhog_client.queued import QueuedEvent
from tests.ingest_gateway.running import KEY, gateway_over_sqlite
from tests.sdk.python.gateway_thread import ROOT, GatewayThread
from tests.sdk.python.scripted_gateway import Peer, eventually, scripted_gateway, store_everything

NOWHERE = "ws://127.0.0.1:9"
"""The port that discards; nobody listens."""


def events(count: int, size: int = 10) -> list[QueuedEvent]:
    """Build events of ``size`` bytes."""
    return [QueuedEvent(f"e{n}", b"x" * size) for n in range(count)]


def leave(path: Path, count: int) -> None:
    """Store events, and die."""
    DiskQueue(path, 1_000, 1_000_000).write(events(count), ())
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_bounds_are_of_all_processes_together(tmp_path: Path) -> None:
    """Two queues on one file share both bounds; deleting makes room."""
    path = tmp_path / "queue.db"
    one, two = DiskQueue(path, 5, 10_000), DiskQueue(path, 5, 10_000)
    rows = one.write(events(3), ())
    assert len(two.write(events(4), ())) == 2
    assert one.write(events(1), ()) == []
    assert len(one.write(events(4), rows[:2])) == 2
    assert len(one.read(0, 10)) == 3
    small = DiskQueue(tmp_path / "small.db", 1_000, 100)
    assert len(small.write(events(30), ())) == 10
    for queue in (one, two, small):
        queue.close()


def test_only_what_a_dead_process_left_is_adopted(tmp_path: Path) -> None:
    """A living one's rows stay its own; a killed one's go to one adopter, once, under new rows."""
    path = tmp_path / "queue.db"
    living = DiskQueue(path, 1_000, 1_000_000)
    living.write(events(2), ())
    process = multiprocessing.get_context("spawn").Process(target=leave, args=(path, 3))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    adopter = DiskQueue(path, 1_000, 1_000_000)
    mine = adopter.write(events(1), ())
    assert (adopter.adopt(), living.adopt(), adopter.adopt()) == (3, 0, 0)
    assert [event.event_id for event in adopter.read(mine[-1], 10)] == ["e0", "e1", "e2"]
    assert len(living.read(0, 10)) == 2
    adopter.close()
    assert living.adopt() == 4
    living.close()
    assert not list(tmp_path.glob("*owner*"))


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    """Neither a text nor a later version's queue is touched; the error names the file."""
    text = tmp_path / "text"
    text.write_text("Dear diary, " * 100)
    later = tmp_path / "later.db"
    with sqlite3.connect(later) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    for path in (text, later):
        with pytest.raises(DiskQueueError, match=path.name):
            DiskQueue(path, 1, 1)
    with pytest.raises(DiskQueueError, match="cannot be opened"):
        SyncClient(NOWHERE, write_key=KEY, disk_queue=text).track("clicked", "u")
    assert text.read_text().startswith("Dear diary")


async def test_verdicts_come_through_the_disk_and_settled_rows_go(tmp_path: Path) -> None:
    """``send_batch`` has its verdicts by index; afterwards the file holds nothing."""
    path = tmp_path / "queue.db"
    async with gateway_over_sqlite(tmp_path / "log") as gateway:
        url = f"ws://127.0.0.1:{gateway.port}"
        async with Client(url, write_key=KEY, disk_queue=path, queue_events=50) as client:
            result = await client.send_batch([Event("e", "" if n == 7 else f"u{n}") for n in range(300)])
            await client.track("last", "u")
            await client.flush()
            assert client.pending == 0
    assert (result.accepted, [event.index for event in result.rejected]) == (299, [7])
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert database.execute("SELECT events, bytes FROM totals").fetchone() == (0, 0)
    database.close()


async def test_more_than_memory_holds_waits_on_disk_for_the_next_client(tmp_path: Path) -> None:
    """Without a gateway everything is taken and nothing lost, in order, by a close that is content."""
    path = tmp_path / "queue.db"
    client = Client(NOWHERE, write_key=KEY, disk_queue=path, queue_events=10, close_timeout=0.05)
    async with client:
        ids = [await client.track("clicked", f"u{n}") for n in range(100)]
        assert client.pending == 100
    async with (
        scripted_gateway(store_everything) as gateway,
        Client(gateway.url, write_key="key", disk_queue=path, queue_events=10) as later,
    ):
        await eventually(lambda: len(gateway.event_ids) == 100)
        await later.flush()
    assert gateway.event_ids == ids


@pytest.mark.parametrize(
    ("overflow", "kept"), [("drop_oldest", [0, 1, 8, 9]), ("drop_newest", [0, 1, 2, 3]), ("block", range(10))]
)
async def test_a_full_disk_queue_keeps_the_policy(tmp_path: Path, overflow: Overflow, kept: range) -> None:
    """Of ten events two are in memory, two more fit on disk; the rest waits or goes."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        held = [await peer.receive() for _ in range(2)]
        if overflow != "block":
            await eventually(lambda: client.dropped == 6)
        for batch in held:
            await peer.ack(batch)
        await peer.ack_all()

    async with scripted_gateway(script) as gateway:
        client = Client(
            gateway.url,
            write_key="key",
            linger_ms=0,
            batch_events=1,
            disk_queue=tmp_path / "queue.db",
            queue_events=2,
            disk_events=4,
            overflow=overflow,
        )
        async with client:
            for n in range(10):
                await client.track("clicked", f"u{n}")
                if n == 1:
                    await eventually(lambda: len(gateway.event_ids) == 2)
            await client.flush()
    sent = [event["distinct_id"] for batch in gateway.batches for event in batch["events"]]
    assert sent == [f"u{n}" for n in kept]


WRITER = """
import os, sys, threading
from smolhog_client import SyncClient
url, key, path, name = sys.argv[1:]
client = SyncClient(url, write_key=key, disk_queue=path, batch_events=20)
def work():
    while True:
        os.write(1, (client.track("clicked", name) + chr(10)).encode())
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("is_reachable", [True, False])
def test_after_a_sigkill_the_ledger_balances(
    gateway: GatewayThread,
    tmp_path: Path,
    is_reachable: bool,  # noqa: FBT001 - a parameter of the story
) -> None:
    """Two processes on one file are killed while they track; the next one sends every event they had taken."""
    path = str(tmp_path / "queue.db")
    url = gateway.url if is_reachable else NOWHERE
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, gateway.key, path, name],
            env={**os.environ, "PYTHONPATH": str(ROOT / "sdk" / "python")},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name in ("one", "two")
    ]
    taken: list[str] = []
    for writer in writers:
        assert writer.stdout is not None
        taken += [writer.stdout.readline().strip() for _ in range(100)]
    for writer in writers:
        writer.kill()
        assert writer.stdout is not None
        # A line that the kill cut in half names nothing.
        taken += [line.strip() for line in writer.stdout if len(line) == 37]
        writer.wait()
        writer.stdout.close()
    gateway.run(
        """
import sys
from smolhog_client import SyncClient
with SyncClient(sys.argv[1], write_key=sys.argv[2], disk_queue=sys.argv[3]) as client:
    client.track("resumed", "three")
    client.flush(30)
""",
        path,
    )
    stored = Counter(event.event_id for event in gateway.stored())
    assert len(set(taken)) >= 200
    assert set(taken) - set(stored) == set()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM events").fetchone() == (0,)
    database.close()


async def test_a_disk_that_cannot_be_written_is_an_error_of_that_event(tmp_path: Path) -> None:
    """``track`` says that the event was not taken; the client goes on when the disk does."""
    path = tmp_path / "queue.db"
    async with (
        scripted_gateway(store_everything) as gateway,
        Client(gateway.url, write_key="key", disk_queue=path) as client,
    ):
        await client.track("before", "u")
        with sqlite3.connect(path) as database:
            database.execute(
                "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no'); END"
            )
        with pytest.raises(DiskQueueError, match="cannot be written"):
            await client.track("not taken", "u")
        with database:
            database.execute("DROP TRIGGER broken")
        database.close()
        await client.track("after", "u")
        await client.flush()
    names = [event["event"] for batch in gateway.batches for event in batch["events"]]
    assert names == ["before", "after"]
