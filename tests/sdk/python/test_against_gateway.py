"""The client, the import and the demo against the real gateway over the SQLite event log."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from event_log.sqlite import SQLiteEventLog
from ingest_gateway.app import create_app
from ingest_gateway.server import GatewayServer, serve
from projects.keys import Key, KeyKind
from schemas.envelope import LogEvent, RejectedEvent, decode_message
from schemas.limits import Limits
from smolhog.demo_traffic import stream_traffic
from smolhog.importer import ImportOptions, import_file
from smolhog_client import Client, Event, FullJitter, Unauthorized

PARTITIONS = 2
KEY = "sh_w_" + "1" * 40


class OneProject:
    """A key ring with one write key."""

    def __init__(self) -> None:
        self.keys: Mapping[str, Key] = {KEY: Key(1, 7, KeyKind.WRITE)}

    def find(self, secret: str, kind: KeyKind) -> Key | None:
        """Find the key."""
        key = self.keys.get(secret)
        return key if key is not None and key.kind is kind else None


@dataclass(frozen=True)
class RunningGateway:
    """A gateway, and the end of it."""

    url: str
    port: int
    server: GatewayServer
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """Stop it as SIGTERM does."""
        self.server.stop()
        await self.task


@asynccontextmanager
async def running_gateway(
    folder: Path, *, port: int = 0, limits: Limits | None = None
) -> AsyncIterator[RunningGateway]:
    """Serve the real gateway over a log in ``folder``."""
    limits = limits or Limits()
    log = await SQLiteEventLog.open(folder, partitions=PARTITIONS)
    app = create_app(
        log=log, keys=OneProject(), limits=limits, cors_origins=("*",), buffer_bytes=8 * 1024 * 1024
    )
    started: asyncio.Future[tuple[GatewayServer, int]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(
            app,
            event_log=log,
            limits=limits,
            host="127.0.0.1",
            port=port,
            started=lambda server, bound: started.set_result((server, bound)),
        )
    )
    server, bound = await asyncio.wait_for(started, 20)
    gateway = RunningGateway(f"ws://127.0.0.1:{bound}", bound, server, task)
    try:
        yield gateway
    finally:
        await gateway.stop()


async def stored(folder: Path) -> tuple[list[LogEvent], list[RejectedEvent]]:
    """Read everything back from the log."""
    log = await SQLiteEventLog.open(folder, partitions=PARTITIONS)
    events: list[LogEvent] = []
    rejected: list[RejectedEvent] = []
    for partition in range(PARTITIONS):
        end = await log.end(partition)
        if end == 0:
            continue
        messages = log.read(partition, 0)
        async for message in messages:
            for batch in decode_message(message.body).batches:
                assert batch.project_id == 7
                events += batch.events
                rejected += batch.rejected
            if message.offset + 1 >= end:
                break
        await messages.aclose()
    await log.close()
    return events, rejected


async def test_what_is_acknowledged_is_in_the_log(tmp_path: Path) -> None:
    """Tracked and batched events are stored once each, with the ids the client gave them."""
    async with running_gateway(tmp_path) as gateway, Client(gateway.url, write_key=KEY) as client:
        tracked = [await client.track("clicked", f"u{n}", {"n": n}, session_id="s") for n in range(300)]
        batches = [[Event("bought", f"u{n}", {"n": n}) for n in range(400)] for _ in range(20)]
        results = await asyncio.gather(*map(client.send_batch, batches))
        await client.flush()
    assert all((result.accepted, result.rejected) == (400, ()) for result in results)
    events, rejected = await stored(tmp_path)
    assert not rejected
    assert Counter(event.event for event in events) == {"clicked": 300, "bought": 8_000}
    assert {event.event_id for event in events if event.event == "clicked"} == set(tracked)
    assert len({event.event_id for event in events}) == 8_300


async def test_the_gateways_verdicts_come_back_by_index(tmp_path: Path) -> None:
    """Bad events among good ones get the gateway's codes; the others are stored."""
    bad = {
        1: (Event("x" * 300, "u"), "name_too_long"),
        3: (Event("e", "u", {"text": "a\0b"}), "nul_character"),
        4: (Event("e", "u", {"big": "x" * 40_000}), "event_too_large"),
        6: (Event("e", "u", event_id="17"), "invalid_event_id"),
    }
    events = [bad[n][0] if n in bad else Event("good", "u", {"n": n}) for n in range(8)]
    async with running_gateway(tmp_path) as gateway, Client(gateway.url, write_key=KEY) as client:
        result = await client.send_batch(events)
    assert result.accepted == 4
    assert {event.index: event.code for event in result.rejected} == {n: code for n, (_, code) in bad.items()}
    kept, rejected = await stored(tmp_path)
    assert [event.event for event in kept] == ["good"] * 4
    assert len(rejected) == 4


async def test_small_limits_of_a_gateway_are_kept(tmp_path: Path) -> None:
    """The client cuts its batches to what ``welcome`` says, so nothing is refused."""
    limits = Limits(frame_bytes=4_096, batch_events=10)
    async with (
        running_gateway(tmp_path, limits=limits) as gateway,
        Client(gateway.url, write_key=KEY) as client,
    ):
        result = await client.send_batch([Event("e", "u", {"text": "x" * 700}) for _ in range(50)])
    assert (result.accepted, result.rejected) == (50, ())


async def test_an_unknown_key_is_unauthorised(tmp_path: Path) -> None:
    """The real gateway's refusal is raised as ``Unauthorized``, with its words."""
    async with running_gateway(tmp_path) as gateway, Client(gateway.url, write_key="sh_w_no") as client:
        with pytest.raises(Unauthorized, match="no such write key"):
            await client.ready()


async def test_a_gateway_that_restarts_under_load_loses_nothing(tmp_path: Path) -> None:
    """Drained with 1012 and started again on its port: every event is stored; none gets another id."""
    async with running_gateway(tmp_path) as first:
        client = Client(first.url, write_key=KEY, backoff=FullJitter(base=0.01, cap=0.05), max_in_flight=4)
        async with client:
            sent: list[str] = []
            halfway = asyncio.Event()

            async def send() -> None:
                for n in range(3_000):
                    sent.append(await client.track("clicked", f"u{n}"))
                    if n == 1_500:
                        halfway.set()
                    if n % 50 == 0:
                        await asyncio.sleep(0)

            sending = asyncio.create_task(send())
            await halfway.wait()
            await first.stop()
            async with running_gateway(tmp_path, port=first.port):
                await sending
                await client.flush()
                await client.close()
    events, _ = await stored(tmp_path)
    assert {event.event_id for event in events} == set(sent)


async def test_an_import_and_the_demo_reach_the_log(tmp_path: Path) -> None:
    """A file's rows and simulated traffic are accepted by the real gateway without a rejection."""
    file = tmp_path / "events.csv"
    file.write_text(
        "event,user_id,timestamp,plan\n"
        + "".join(f"e,u{n},2024-03-13 10:21:{n % 60:02d},pro\n" for n in range(1_200))
    )
    stop = asyncio.Event()
    async with running_gateway(tmp_path / "log") as gateway:
        report = await import_file(
            ImportOptions(file, KEY, gateway.url, tmp_path / "state"), on_progress=lambda _: None
        )
        async with Client(gateway.url, write_key=KEY) as client:
            stats = await stream_traffic(
                client,
                events_per_second=5_000,
                seed=1,
                stop=stop,
                on_stats=lambda stats: stop.set() if stats.sent > 1_000 else None,
            )
    assert (report.stored, report.rejected) == (1_200, 0)
    assert stats.rejected == 0
    events, rejected = await stored(tmp_path / "log")
    assert not rejected
    assert len(events) == 1_200 + stats.acknowledged == 1_200 + stats.sent
