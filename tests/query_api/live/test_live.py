"""The live stream over a real socket and real stores."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from projects.keys import Key, KeyKind
from query_api.app import create_app
from query_api.columns import Columns
from query_api.live import socket as live_socket
from query_api.live.statements import Matched
from sinks.clickhouse.connect import connect as clickhouse
from smolhog.guard import Guard
from tests.fixtures_clickhouse import ClickHouseServer, kept
from tests.query_api.conftest import NOW, READ_ONE, READ_TWO, WRITE_ONE, Ring, Stores
from tests.query_api.people.told import Told, store

pytestmark = pytest.mark.shards_too

PATIENCE_SECONDS = 30.0
_numbers = iter(range(1, 100_000))


class Live:
    """A query API on a port."""

    def __init__(self, port: int, stores: Stores, ring: Ring) -> None:
        self.port = port
        self.stores = stores
        self.ring = ring

    @asynccontextmanager
    async def opened(self, **hello: Any) -> AsyncIterator[ClientConnection]:
        """A stream that was welcomed."""
        async with connect(f"ws://127.0.0.1:{self.port}/analytics/live") as stream:
            await stream.send(json.dumps({"type": "hello", "key": READ_ONE, **hello}))
            assert await next_frame(stream) == {"type": "welcome"}
            yield stream

    async def tell(self, *events: tuple[str, dict[str, Any]], project_id: int = 1) -> list[str]:
        """Store events in one batch; returns their ids."""
        told = [Told(name, "ada", properties, 0, next(_numbers), project_id) for name, properties in events]
        await asyncio.to_thread(store, self.stores.clickhouse_url, told)
        return [str(event.event_id) for event in told]


async def next_frame(stream: ClientConnection) -> dict[str, Any]:
    """Read a frame."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame: dict[str, Any] = json.loads(await stream.recv())
        return frame


async def next_of(
    stream: ClientConnection, kind: str, where: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Read frames until one is such."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            frame = await next_frame(stream)
            if frame["type"] == kind and where(frame):
                return frame


async def events_of(stream: ClientConnection, count: int) -> list[dict[str, Any]]:
    """Read frames until so many events came."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found += (await next_of(stream, "events", lambda _: True))["events"]
    return found


@pytest.fixture
async def live(stores: Stores) -> AsyncIterator[Live]:
    """The query API as it is served."""
    ring = Ring()
    app = create_app(
        clickhouse_url=stores.clickhouse_url, postgres_dsn=stores.postgres_dsn, keys=ring, now=lambda: NOW
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=0, timeout_graceful_shutdown=1, **Guard().uvicorn_options()
        )
    )
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield Live(server.servers[0].sockets[0].getsockname()[1], stores, ring)
    server.should_exit = True
    await task


async def test_events_are_pushed(live: Live) -> None:
    """What is stored after the welcome comes once, the newest last; what was there before does not."""
    await live.tell(("before", {}))
    async with live.opened() as stream:
        first = await live.tell(("one", {"n": 1}), ("two", {}))
        (one, two) = sorted(await events_of(stream, 2), key=lambda event: str(event["event"]))
        assert [one["event_id"], two["event_id"]] == first
        assert (one["properties"], one["person_id"], one["session_id"]) == ({"n": 1}, "ada", None)
        second = await live.tell(("three", {}))
        assert [event["event_id"] for event in await events_of(stream, 1)] == second


async def test_filters_choose(live: Live) -> None:
    """Each stream has its own names and filter, and may choose others at any time."""
    large = {"filters": [{"property": "n", "operator": ">", "value": 5}]}
    async with live.opened(filter=large) as by_value, live.opened(events=["buy"]) as by_name:
        await live.tell(("buy", {"n": 1}), ("visit", {"n": 9}), ("visit", {"n": 2}))
        assert [event["properties"] for event in await events_of(by_value, 1)] == [{"n": 9}]
        assert [event["event"] for event in await events_of(by_name, 1)] == ["buy"]
        await by_name.send(json.dumps({"type": "watch", "events": ["visit"], "filter": None}))
        # Whatever was asked before the change was heard may still be answered.
        while True:
            await live.tell(("buy", {}), ("visit", {"n": 0}))
            if [event["event"] for event in await events_of(by_name, 1)] == ["visit"]:
                break


async def test_many_events_are_skipped_and_counted(live: Live) -> None:
    """A frame has at most 100 events; how many were left out is said, and nothing is lost from the count."""
    async with live.opened() as stream:
        await live.tell(*(("flood", {"n": n}) for n in range(350)))
        seen = skipped = 0
        while seen + skipped < 350:
            frame = await next_of(stream, "events", lambda _: True)
            assert len(frame["events"]) <= 100
            seen, skipped = seen + len(frame["events"]), skipped + frame["skipped"]
        assert seen + skipped == 350
        counts = await next_of(stream, "counts", lambda frame: frame["events"] == 350)
        assert counts["as_of"] is None


async def test_repeated_rows_are_not_news(live: Live) -> None:
    """A dataflow that writes its last rows again pushes nothing and counts nothing."""
    async with live.opened() as stream:
        number = next(_numbers)
        again = Told("once", "ada", {}, 0, number)
        await asyncio.to_thread(store, live.stores.clickhouse_url, [again])
        await events_of(stream, 1)
        await asyncio.to_thread(store, live.stores.clickhouse_url, [again])
        last = await live.tell(("after", {}))
        assert [event["event_id"] for event in await events_of(stream, 1)] == last
        assert (await next_of(stream, "counts", lambda frame: frame["events"] >= 2))["events"] == 2


async def test_parts_that_are_merged_while_they_are_read_lose_nothing(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that was counted, and whose part was gone when it was to be found, comes all the same, and once."""
    rows, merges = Columns.rows, iter(range(2))

    def merge() -> None:
        with clickhouse(live.stores.clickhouse_url) as client:
            client.command(f"OPTIMIZE TABLE {kept(client, 'events')} FINAL")

    async def merging(self: Columns, statement: str, parameters: dict[str, Any], row: type[Any]) -> list[Any]:
        if row is Matched and next(merges, None) is not None:
            await asyncio.to_thread(merge)
        return await rows(self, statement, parameters, row)

    monkeypatch.setattr(Columns, "rows", merging)
    await live.tell(("before", {}))
    async with live.opened() as stream:
        for name in ("one", "two"):
            await live.tell((name, {}))
            assert [event["event"] for event in await events_of(stream, 1)] == [name]


async def test_one_shard_may_be_before_another(live: Live, clickhouse_server: ClickHouseServer) -> None:
    """An earlier place in the log is news on a shard that shows it late; on the same shard it is a repetition."""
    url = live.stores.clickhouse_url
    with clickhouse(url) as client:
        ids = [f"id-{n}" for n in range(20)]
        asked = (
            "SELECT id, cityHash64(toUInt32(1), id) % 2 FROM (SELECT arrayJoin({ids:Array(String)}) AS id)"
        )
        halves = {half: str(who) for who, half in client.query(asked, parameters={"ids": ids}).result_rows}
    first, second, third = (next(_numbers) for _ in range(3))
    async with live.opened() as stream:
        for name, half, number in (("second", 0, second), ("first", 1, first), ("third", 0, third)):
            await asyncio.to_thread(store, url, [Told(name, halves[half], number=number)])
            if name == "second":
                await events_of(stream, 1)
        seen: list[str] = []
        while "third" not in seen:
            seen += [event["event"] for event in await events_of(stream, 1)]
    assert sorted(seen) == (["first", "third"] if clickhouse_server.cluster else ["third"])


async def test_projects_do_not_see_each_other(live: Live) -> None:
    """Neither events nor counts of another project."""
    async with live.opened() as ours, live.opened(key=READ_TWO) as theirs:
        await live.tell(("theirs", {}), ("theirs", {}), project_id=2)
        assert {event["event"] for event in await events_of(theirs, 2)} == {"theirs"}
        await live.tell(("ours", {}))
        assert [event["event"] for event in await events_of(ours, 1)] == ["ours"]
        assert (await next_of(ours, "counts", lambda frame: frame["events"] > 0))["events"] == 1


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"type":"hello","key":"sh_r_unknown"}', "unauthorized"),
        (json.dumps({"type": "hello", "key": WRITE_ONE}), "write_key_given"),
        ('{"type":"watch"}', "invalid_parameter"),
        ("not json", "invalid_parameter"),
        ("[]", "invalid_parameter"),
        (json.dumps({"type": "hello", "key": READ_ONE, "more": 1}), "invalid_parameter"),
        (json.dumps({"type": "hello", "key": READ_ONE, "filter": {"filters": [{"operator": "in_cohort", "value": 99}]}}), "invalid_parameter"),
        (json.dumps({"type": "hello", "key": READ_ONE, "events": ["x" * 5000]}), "invalid_parameter"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_before_the_end(live: Live, first: str, code: str) -> None:
    """One error frame, then the connection is closed."""
    async with connect(f"ws://127.0.0.1:{live.port}/analytics/live") as stream:
        await stream.send(first)
        frame = await next_frame(stream)
        assert (frame["type"], frame["code"]) == ("error", code)
        with pytest.raises(ConnectionClosed) as closed:
            await next_frame(stream)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == {"unauthorized": 4401, "write_key_given": 4403}.get(code, 4400)


async def test_silent_client_is_sent_away(monkeypatch: pytest.MonkeyPatch, live: Live) -> None:
    """Whoever does not say hello in time."""
    monkeypatch.setattr(live_socket, "HELLO_SECONDS", 0.1)
    async with connect(f"ws://127.0.0.1:{live.port}/analytics/live") as stream:
        assert (await next_frame(stream))["code"] == "hello_timeout"


async def test_revoked_key_ends_the_stream(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within seconds."""
    monkeypatch.setattr(live_socket, "REVOCATION_SECONDS", 0.05)
    async with live.opened() as stream:
        del live.ring.keys[READ_ONE, KeyKind.READ]
        assert (await next_of(stream, "error", lambda _: True))["code"] == "unauthorized"


async def test_key_for_other_origins_is_refused(live: Live) -> None:
    """A page of a site that the key does not name gets nothing."""
    live.ring.keys[READ_ONE, KeyKind.READ] = Key(1, 1, KeyKind.READ, frozenset({"https://good.example"}))
    url = f"ws://127.0.0.1:{live.port}/analytics/live"
    for origin, answer in (("https://good.example", "welcome"), ("https://evil.example", "error")):
        async with connect(url, origin=origin) as stream:  # type: ignore[arg-type]
            await stream.send(json.dumps({"type": "hello", "key": READ_ONE}))
            assert (await next_frame(stream))["type"] == answer


async def test_too_many_streams_are_turned_away(live: Live) -> None:
    """Of one project; others have room, and so has it when one of its own ends."""
    async with AsyncExitStack() as stack:
        last = await stack.enter_async_context(live.opened())
        for _ in range(live_socket.STREAMS_A_PROJECT - 1):
            await stack.enter_async_context(live.opened())
        async with connect(f"ws://127.0.0.1:{live.port}/analytics/live") as stream:
            await stream.send(json.dumps({"type": "hello", "key": READ_ONE}))
            assert (await next_frame(stream))["code"] == "overloaded"
        async with live.opened(key=READ_TWO):
            pass
        await last.close()
        async with live.opened():
            pass
