"""A disk that is full, then enlarged: nothing that was acknowledged is lost, nothing is doubled."""

import asyncio
import itertools
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from dataflows.dedup import find_first, place_of
from dataflows.dedup_index import RocksDedupIndex
from event_log.errors import EventLogUnavailable
from event_log.rabbitmq import RabbitMQEventLog
from event_log.spool import SpooledEventLog
from event_log.sqlite import SQLiteEventLog
from tests.dataflows.dedup_writer import event_key
from tests.dataflows.running_flow import running_stack, wait_until
from tests.dataflows.stored_once import assert_stored_once
from tests.dataflows.traffic import START, append, make_events
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_rabbitmq import RabbitMQ
from tests.ingest_gateway.running import (
    KEY,
    PARTITIONS,
    Gateway,
    answer,
    batch_frame,
    event,
    read_back,
    running_gateway,
)
from tests.small_disk import small_disk
from tests.tcp_proxy import TcpProxy

DEADLINE = 30.0
BEARER = {"Authorization": f"Bearer {KEY}"}
MOST = 10_000
"""No disk of these tests holds so many."""


async def bodies_in(log: SQLiteEventLog | RabbitMQEventLog, count: int) -> list[bytes]:
    """The first bodies of a log's partition 0."""
    async with asyncio.timeout(DEADLINE), aclosing(log.read(0, 0)) as messages:
        return [(await anext(messages)).body for _ in range(count)]


async def open_broker(url: str, prefix: str, partitions: int = 1) -> RabbitMQEventLog:
    """The broker's log, which notices soon."""
    return await RabbitMQEventLog.open(
        url, partitions=partitions, prefix=prefix, publish_timeout=1.0, reconnect_delay=0.05
    )


class Client:
    """Sends events over HTTP and remembers the ids of those that were acknowledged."""

    def __init__(self, gateway: Gateway, http: httpx.AsyncClient) -> None:
        self._url = f"{gateway.http}/v1/batch"
        self._http = http
        self._numbers = itertools.count()
        self.acknowledged: list[str] = []
        self.kept: list[dict[str, Any]] = []
        """What was not taken; goes with the next request, as an SDK would do it."""

    async def send(self, count: int = 20) -> httpx.Response:
        """Send some new events and what was kept; returns the answer."""
        numbers = itertools.islice(self._numbers, count)
        text = {"text": "x" * 500}
        batch = self.kept + [
            event(who=f"user-{n}", event_id=f"00000000-0000-4000-8000-{n:012}", properties=text)
            for n in numbers
        ]
        response = await self._http.post(self._url, json={"events": batch}, headers=BEARER)
        refused = {verdict["index"] for verdict in response.json().get("results", [])}
        self.acknowledged += [each["event_id"] for n, each in enumerate(batch) if n not in refused]
        self.kept = [each for n, each in enumerate(batch) if n in refused]
        assert response.json()["accepted"] == len(batch) - len(refused)
        return response

    async def send_until_refused(self) -> httpx.Response:
        """Send until the gateway does not take all of it; returns that answer."""
        for _ in range(MOST):
            response = await self.send()
            if response.status_code != 200:
                return response
        raise AssertionError("the disk was never full")


async def test_the_embedded_log_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """Appends side by side fill the disk; the same log goes on once there is room, and has each once."""
    acknowledged: list[bytes] = []
    with small_disk(tmp_path / "disk", mib=2) as disk:
        log = await SQLiteEventLog.open(disk.folder / "log", partitions=1)

        async def lane(name: int) -> None:
            for number in range(MOST):
                body = b"%d:%d:" % (name, number) + b"x" * 3_000
                await log.append(0, body)
                acknowledged.append(body)

        refused = await asyncio.gather(*(lane(name) for name in range(8)), return_exceptions=True)
        assert len(acknowledged) > 50
        assert all(isinstance(error, EventLogUnavailable) for error in refused)
        assert all("the disk is full" in str(error) for error in refused)
        assert await log.end(0) == len(acknowledged)
        disk.enlarge(8)
        await log.append(0, b"last")
        await log.close()
        again = await SQLiteEventLog.open(disk.folder / "log", partitions=1)
        stored = await bodies_in(again, await again.end(0))
        await again.close()
    assert sorted(stored) == sorted([*acknowledged, b"last"])


async def test_opening_the_embedded_log_says_that_the_disk_is_full(tmp_path: Path) -> None:
    """A new log and an old one both name the reason, leave nothing behind, and open once there is room."""
    with small_disk(tmp_path / "disk", mib=2) as disk:
        log = await SQLiteEventLog.open(disk.folder / "old", partitions=1)
        await log.append(0, b"first")
        await log.close()
        disk.fill()
        with pytest.raises(EventLogUnavailable, match=r"old/partition-0\.sqlite3: the disk is full"):
            await SQLiteEventLog.open(disk.folder / "old", partitions=1)
        with pytest.raises(EventLogUnavailable, match=r"new: .*No space left"):
            await SQLiteEventLog.open(disk.folder / "new", partitions=1)
        assert list((disk.folder / "new").iterdir()) == []
        disk.enlarge(4)
        for name in ("old", "new"):
            log = await SQLiteEventLog.open(disk.folder / name, partitions=1)
            await log.append(0, b"last")
            assert await bodies_in(log, await log.end(0)) in ([b"first", b"last"], [b"last"])
            await log.close()


async def test_a_gateway_answers_503_while_the_disk_is_full(tmp_path: Path) -> None:
    """Over HTTP and over a socket; it says why in its log, and takes the same events once there is room."""
    with small_disk(tmp_path / "disk", mib=2) as disk:
        log = await SQLiteEventLog.open(disk.folder, partitions=PARTITIONS)
        async with running_gateway(log) as gateway, httpx.AsyncClient() as http:
            client = Client(gateway, http)
            socket = await gateway.session()
            with capture_logs() as lines:
                response = await client.send_until_refused()
                disk.fill()
                await socket.send(batch_frame("b1", event()))
                verdicts = (await answer(socket))["results"]
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
            assert [(verdict["result"], verdict["code"]) for verdict in verdicts] == [
                ("retry", "unavailable")
            ]
            reasons = [line["error"] for line in lines if line["event"] == "gateway.append_failed"]
            assert reasons
            assert all("the disk is full" in reason for reason in reasons)
            disk.enlarge(8)
            assert (await client.send()).status_code == 200
            assert client.kept == []
            await socket.send(batch_frame("b2", event("after")))
            assert (await answer(socket))["accepted"] == 1
            stored = [each for batch in await read_back(log) for each in batch.events]
    by_socket = [each for each in stored if each.event == "after"]
    assert len(by_socket) == 1
    assert sorted(each.event_id for each in stored if each not in by_socket) == sorted(client.acknowledged)


async def test_a_spool_on_a_full_disk_delivers_what_it_took(
    rabbitmq: RabbitMQ, log_prefix: str, tmp_path: Path
) -> None:
    """RabbitMQ away and the spool's disk full: 503, then room, then the broker; it gets each event once."""
    with small_disk(tmp_path / "disk", mib=2) as disk, TcpProxy(rabbitmq.port) as proxy:
        proxy.cut()
        log = await SpooledEventLog.open(
            lambda: open_broker(rabbitmq.url_at(proxy.port), log_prefix, PARTITIONS),
            disk.folder / "spool",
            partitions=PARTITIONS,
            capacity_bytes=64 * 1024 * 1024,
        )
        async with running_gateway(log) as gateway, httpx.AsyncClient() as http:
            client = Client(gateway, http)
            response = await client.send_until_refused()
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
            assert len(client.acknowledged) > 100
            disk.enlarge(8)
            assert (await client.send()).status_code == 200
            assert client.kept == []
            proxy.restore()
            await asyncio.to_thread(wait_until, lambda: log.pending == 0, "an empty spool")
            assert (await client.send()).status_code == 200
        broker = await open_broker(rabbitmq.url, log_prefix, PARTITIONS)
        delivered = [each.event_id for batch in await read_back(broker) for each in batch.events]
        await broker.close()
    assert sorted(delivered) == sorted(client.acknowledged)


async def test_a_spool_is_drained_though_its_disk_is_full(
    rabbitmq: RabbitMQ, log_prefix: str, tmp_path: Path
) -> None:
    """Deleting what was sent takes room; it is made up for, and a restart sends nothing again."""
    with small_disk(tmp_path / "disk", mib=2) as disk, TcpProxy(rabbitmq.port) as proxy:

        async def open_log() -> SpooledEventLog:
            return await SpooledEventLog.open(
                lambda: open_broker(rabbitmq.url_at(proxy.port), log_prefix),
                disk.folder / "spool",
                partitions=1,
                capacity_bytes=64 * 1024 * 1024,
            )

        proxy.cut()
        log = await open_log()
        taken: list[bytes] = []
        with pytest.raises(EventLogUnavailable, match="the disk is full"):  # noqa: PT012 - until it raises
            for number in range(MOST):
                body = b"%d:" % number + b"x" * 10_000
                await log.append(0, body)
                taken.append(body)
        disk.fill()
        with capture_logs() as lines:
            proxy.restore()
            await asyncio.to_thread(wait_until, lambda: log.pending == 0, "an empty spool")
        assert any(
            "the disk is full" in line["reason"] for line in lines if "cannot be trimmed" in line["event"]
        )
        await log.append(0, b"straight")
        disk.enlarge(8)
        async with asyncio.timeout(DEADLINE):
            while await log._spool.oldest(0) < len(taken):  # noqa: ASYNC110 - another thread's file
                await asyncio.sleep(0.05)
        await log.close()
        again = await open_log()
        assert again.pending == 0
        await again.append(0, b"last")
        await asyncio.to_thread(wait_until, lambda: again.pending == 0, "an empty spool")
        await again.close()
        broker = await open_broker(rabbitmq.url, log_prefix)
        assert await broker.end(0) == len(taken) + 2
        assert await bodies_in(broker, len(taken) + 2) == [*taken, b"straight", b"last"]
        await broker.close()


def test_the_dedup_index_knows_what_it_took_and_nothing_else(tmp_path: Path) -> None:
    """What was remembered before the disk was full is known afterwards; what was refused is new."""

    def keys(message: int) -> list[bytes]:
        return [event_key(message * 100 + number) for number in range(100)]

    def places(message: int) -> list[bytes]:
        return [place_of(message, number) for number in range(100)]

    with small_disk(tmp_path / "disk", mib=2) as disk:
        index = RocksDedupIndex(disk.folder / "dedup", days=7)
        taken = 0
        with pytest.raises(Exception, match="No space left"):  # noqa: PT012 - RocksDB has no type of its own
            for taken in range(MOST):
                find_first(index, keys(taken), places(taken))
        with pytest.raises(Exception, match="Writer has previous error"):
            index.close()
        assert taken > 50
        disk.fill()
        with pytest.raises(Exception, match="No space left"):
            RocksDedupIndex(disk.folder / "dedup", days=7)
        disk.enlarge(16)
        index = RocksDedupIndex(disk.folder / "dedup", days=7)
        index._db.compact_range(None, None)
        for message in range(taken):
            assert all(find_first(index, keys(message), places(message)))
            assert not any(find_first(index, keys(message), places(MOST)))
        assert all(find_first(index, keys(taken), places(MOST)))
        index.close()


async def test_a_dataflow_stops_at_a_full_disk_and_goes_on_with_room(
    postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """Ids and state find no room in the middle of traffic, nor at a restart; then both stores have each once."""
    data = tmp_path / "data"
    with (
        small_disk(data / "dataflow", mib=8) as disk,
        running_stack(postgres_database, clickhouse_server, data) as stack,
    ):
        events = make_events(6_000, seed=31)
        first = stack.start()
        await append(stack, events[:2_000], START + timedelta(hours=6))
        wait_until(lambda: stack.raw_events() > 0, "some events stored", stack.log_file)
        disk.fill(leave_kib=60)
        await append(stack, events[2_000:], START + timedelta(hours=6, minutes=1))
        assert first.wait(timeout=60) != 0
        said = stack.log_file.read_text()
        assert f"the disk of {data / 'dataflow'} is full" in said
        assert "Nothing is lost" in said
        disk.fill()
        assert stack.start().wait(timeout=60) != 0
        assert f"the disk of {data / 'dataflow'} is full, 0 KiB are left" in stack.log_file.read_text()
        assert stack.raw_events() < len(events)
        disk.enlarge(64)
        stack.start()
        await assert_stored_once(stack, events)
