"""Connections that are one too many, too slow, or from a page that the key is not for."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from projects.keys import Key, KeyKind
from smolhog.connection_limits import ConnectionLimits, Doorkeeper
from smolhog.guard import Guard
from smolhog.patience import Patience
from tests.ingest_gateway.running import (
    KEY,
    PROJECT,
    Gateway,
    HeldLog,
    answer,
    close_code,
    event,
    gateway_over_sqlite,
    running_gateway,
)
from tests.security.attacker import TEXT, UPGRADE, frame, request, websocket, wire
from tests.security.servers import eventually

SHOP, EVIL = "https://shop.example", "https://evil.example"
IMPATIENT = Guard(
    patience=Patience(
        header_seconds=0.3, request_seconds=0.5, idle_seconds=1, stall_seconds=0.5, close_seconds=0.2
    )
)
AUTH = f"Authorization: Bearer {KEY}"


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"\r\n"],
        [b"GET"],
        [b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "],
        [request("POST", "/v1/batch", AUTH, "Content-Length: 1000")],
        [request("POST", "/v1/batch", AUTH, "Transfer-Encoding: chunked"), b"5\r\n"],
        [request("GET", "/health/live", "Content-Length: 1000")],
        [request(), b"GET / HT"],
        [request(), b"\r\n"],
        [request()],
        [request("GET", "/v1/stream", *UPGRADE).removesuffix(b"\r\n")],
    ],
    ids=[
        "silence",
        "line ends",
        "method",
        "header",
        "body",
        "chunk",
        "unasked body",
        "second head",
        "line ends between",
        "idle",
        "upgrade",
    ],
)
async def test_who_dribbles_is_closed(tmp_path: Path, pieces: list[bytes]) -> None:
    """A byte now and then does not keep a connection open: the time counts from its start."""
    async with gateway_over_sqlite(tmp_path, guard=IMPATIENT) as gateway, wire(gateway.port) as connection:
        for piece in pieces:
            await connection.send(piece)
        reading = asyncio.create_task(connection.rest())
        last = pieces[-1][-1:] if pieces and pieces != [request()] else b""
        while not reading.done():
            await connection.send(
                b"\n" if last == b"\n" and b"Content" not in pieces[-1] else b"a" if last else b""
            )
            await asyncio.wait([reading], timeout=0.05)
        await reading


async def test_who_never_reads_an_answer_is_closed() -> None:
    """A client whose answers pile up for too long loses its connection, and what it was owed is let go."""
    log = HeldLog()
    log.gate.set()
    async with running_gateway(log, guard=IMPATIENT) as gateway:
        async with websocket(gateway.port, KEY) as connection:
            streams = gateway.app.state.streams
            while await connection.push(frame(TEXT, b'{"type":"ping"}') * 4000):
                pass
            await eventually(lambda: not streams._open, "the connection was let go")
        await _served(gateway)


async def test_connections_of_one_address_are_bounded(tmp_path: Path) -> None:
    """The third gets 503 and `Retry-After`; another address is served, and room that is given back is used."""
    guard = Guard(ConnectionLimits(per_address=2))
    async with gateway_over_sqlite(tmp_path, guard=guard) as gateway:
        async with wire(gateway.port) as first, websocket(gateway.port, KEY):
            await first.send(request())
            async with wire(gateway.port) as third:
                await third.send(request())
                refused = await third.rest()
                assert refused.startswith(b"HTTP/1.1 503 ")
                assert b"retry-after: 1\r\n" in refused
            async with wire(gateway.port, "127.0.0.2") as other:
                await other.send(request("GET", "/health/live", "Connection: close"))
                assert await other.status() == 200
        await _served(gateway)


async def test_all_connections_are_bounded(tmp_path: Path) -> None:
    """Over the bound of all, any address is refused; WebSockets count."""
    async with gateway_over_sqlite(tmp_path, guard=Guard(ConnectionLimits(overall=2))) as gateway:
        async with wire(gateway.port), websocket(gateway.port, KEY), wire(gateway.port, "127.0.0.2") as third:
            await third.send(request())
            assert await third.status() == 503
        await _served(gateway)


async def _served(gateway: Gateway) -> None:
    async with asyncio.timeout(30):
        while True:
            async with wire(gateway.port) as connection:
                await connection.send(request("GET", "/health/live", "Connection: close"))
                if await connection.status() == 200:
                    return


async def test_behind_a_trusted_proxy_its_clients_are_counted(tmp_path: Path) -> None:
    """The proxy's own address is exempt; each client that it names has the bound to itself."""
    limits = ConnectionLimits(per_address=1)
    guard = Guard(limits, trusted_proxies="127.0.0.0/8")
    async with gateway_over_sqlite(tmp_path, guard=guard, connections=limits) as gateway:
        for client in ("203.0.113.1", "203.0.113.2"):
            await gateway.connect(additional_headers={"X-Forwarded-For": client})
        with pytest.raises(InvalidStatus) as refused:
            await gateway.connect(additional_headers={"X-Forwarded-For": "203.0.113.1"})
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "1"


async def test_sessions_of_one_key_are_bounded(tmp_path: Path) -> None:
    """One more than a key may have is told to come back later, and may when another has left."""
    async with gateway_over_sqlite(tmp_path, connections=ConnectionLimits(per_key=1)) as gateway:
        first = await gateway.session()
        second = await gateway.connect()
        await second.send(json.dumps({"type": "hello", "key": KEY}))
        assert (await answer(second))["code"] == "overloaded"
        assert await close_code(second) == 1013
        await first.close()
        async with asyncio.timeout(20):
            while True:
                again = await gateway.connect()
                await again.send(json.dumps({"type": "hello", "key": KEY}))
                if (await answer(again))["type"] == "welcome":
                    break


async def test_unfinished_bodies_and_messages_share_a_budget() -> None:
    """What clients have begun to send is bounded over all of them, and given back when they leave."""
    log = HeldLog()
    log.gate.set()
    guard = Guard(ConnectionLimits(unfinished_bytes=300_000))
    head = request("POST", "/v1/batch", AUTH, "Content-Length: 500000")
    async with running_gateway(log, guard=guard) as gateway:
        async with wire(gateway.port) as held:
            await held.send(head + b" " * 200_000)
            async with wire(gateway.port) as refused:
                await refused.send(head + b" " * 400_000)
                assert await refused.status() in {503, None}
            async with websocket(gateway.port, KEY) as socket:
                await socket.send(frame(TEXT, b" " * 400_000, declared=900_000))
                await socket.rest()
        headers = {"Authorization": f"Bearer {KEY}"}
        async with asyncio.timeout(30), httpx.AsyncClient(base_url=gateway.http, headers=headers) as client:
            while (await client.post("/v1/batch", content=b" " * 250_000)).status_code == 503:
                pass


@pytest.fixture
def key_of_a_shop() -> Key:
    """A write key for the pages of one origin."""
    return Key(1, PROJECT, KeyKind.WRITE, frozenset({SHOP}))


async def test_a_page_of_another_origin_is_refused(tmp_path: Path, key_of_a_shop: Key) -> None:
    """A key with a list takes events from its pages, and from programs, which send no `Origin`."""
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        gateway.ring.live[KEY, KeyKind.WRITE] = key_of_a_shop
        body = json.dumps({"events": [event()]})
        for origin, status, close in (
            (SHOP, 200, None),
            (None, 200, None),
            (EVIL, 403, 4403),
            ("null", 403, 4403),
            ("http://shop.example", 403, 4403),
            ("https://shop.example.evil.example", 403, 4403),
            ("https://shop.example:8443", 403, 4403),
        ):
            headers = {} if origin is None else {"Origin": origin}
            for path, name, value in (
                ("/v1/batch", "Authorization", f"Bearer {KEY}"),
                ("/events", "smolhog-api-key", KEY),
            ):
                given = await client.post(path, content=body, headers=headers | {name: value})
                assert given.status_code == status, (path, origin)
                if status == 403:
                    assert given.json()["code"] == "origin_refused"
            for in_header in ({}, {"Authorization": f"Bearer {KEY}"}):
                socket = await gateway.connect(additional_headers=headers | in_header)
                await socket.send(json.dumps({"type": "hello", "key": KEY}))
                said = await answer(socket)
                if close is None:
                    assert said["type"] == "welcome"
                else:
                    assert (said["code"], await close_code(socket)) == ("origin_refused", close)


def upgrade(line: str = "GET /v1/stream", *headers: str) -> bytes:
    """Write a request that asks for a WebSocket; the text may hold any byte."""
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *UPGRADE, *headers, "", ""]).encode("latin-1")


ODD = {
    "bytes in the query": upgrade("GET /v1/stream?\xff"),
    "bytes in a header": upgrade("GET /v1/stream", "X: \xff\xfe"),
    "upgrade with a body": upgrade("GET /v1/stream", "Content-Length: 10") + b"a" * 10,
    "upgrade by POST": upgrade("POST /v1/stream"),
    "upgrade behind a body": request("POST", "/v1/batch", AUTH, "Content-Length: 13")
    + b'{"events":[]}'
    + upgrade(),
    "another upgrade": request("GET", "/health/live", "Upgrade: h2c", "Connection: Upgrade") + b"x" * 100,
    "tunnel": b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 1000,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two lengths": request("POST", "/v1/batch", AUTH, "Content-Length: 5", "Transfer-Encoding: chunked")
    + b"0\r\n\r\n",
    "no URL": b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "negative length": request("POST", "/v1/batch", AUTH, "Content-Length: -1"),
    "half a body": request("POST", "/v1/batch", AUTH, "Content-Length: 1000") + b"x" * 500,
    "half a message": upgrade() + frame(TEXT, b"x" * 500, declared=1000),
}


async def test_nobody_is_counted_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever odd request a connection ended with, its place and its bytes are free again."""
    made: list[Doorkeeper] = []

    def remember(*arguments: Any) -> Doorkeeper:
        made.append(Doorkeeper(*arguments))
        return made[-1]

    monkeypatch.setattr("smolhog.guard.Doorkeeper", remember)
    async with gateway_over_sqlite(tmp_path) as gateway:
        (doorkeeper,) = made
        for raw in ODD.values():
            async with wire(gateway.port) as connection:
                await connection.send(raw)
                # A request behind it tells that it was taken in, or that nothing is any more.
                await connection.send(request())
        await eventually(lambda: doorkeeper.inside == doorkeeper.unfinished.held == 0, "all was given back")
        await _served(gateway)


async def test_strangers_are_not_told_why_the_log_is_away() -> None:
    """The reason may name machines; whoever asks through a proxy gets yes or no."""
    log = HeldLog()
    log.failing.add(0)
    async with running_gateway(log) as gateway, httpx.AsyncClient(base_url=gateway.http) as client:
        near = (await client.get("/health/ready")).json()["parts"]["event_log"]
        far = await client.get("/health/ready", headers={"X-Forwarded-For": "203.0.113.9"})
    assert near == "the test says so"
    assert (far.status_code, far.json()["parts"]["event_log"]) == (503, "not ok")
