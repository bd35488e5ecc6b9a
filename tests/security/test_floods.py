"""Whatever a client sends or does not read, the servers live on, answer, and stay small."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
import zstandard

from tests.security.attacker import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    UPGRADE,
    frame,
    noise,
    request,
    websocket,
    wire,
)
from tests.security.servers import Servers

MIB = 1024 * 1024
GROWTH = 96 * MIB
"""Generous: what an attack may cost a process while it lasts. Without a bound each costs gigabytes."""


@pytest.fixture(autouse=True)
async def unharmed(servers: Servers) -> AsyncIterator[None]:
    """After each attack both servers are the processes that they were, and answer."""
    yield
    await asyncio.to_thread(servers.assert_well)


def port_of(servers: Servers, name: str) -> int:
    """Return a server's port."""
    return servers.gateway_port if name == "gateway" else servers.query_port


def members(compress: Callable[[bytes], bytes], size: int) -> bytes:
    """Compress zeros as many members, one after another."""
    return compress(b"\0" * MIB) * (size // MIB)


def huge_window(data: bytes) -> bytes:
    """Compress so that whoever decompresses has to keep 128 MiB at hand."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(data) + stream.flush()


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("gzip", lambda: gzip.compress(b"\0" * 400 * MIB, 9)),
    "gzip members": ("gzip", lambda: members(gzip.compress, 500 * MIB)),
    "gzip in gzip": ("gzip", lambda: gzip.compress(gzip.compress(b"\0" * 400 * MIB, 9))),
    "empty gzip members": ("gzip", lambda: gzip.compress(b"") * 50_000),
    "deflate": ("deflate", lambda: zlib.compress(b"\0" * 400 * MIB, 9)),
    "raw deflate": ("deflate", lambda: zlib.compress(b"\0" * 400 * MIB, 9)[2:-4]),
    "zstd": ("zstd", lambda: zstandard.ZstdCompressor(19).compress(b"\0" * 400 * MIB)),
    "zstd frames": ("zstd", lambda: members(zstandard.compress, 2000 * MIB)),
    "zstd, huge window": ("zstd", lambda: huge_window(noise(MIB // 2))),
    "zstd, empty frames": ("zstd", lambda: zstandard.compress(b"") * 80_000),
    "zstd, skippable frame of 4 GiB": ("zstd", lambda: b"\x50\x2a\x4d\x18\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_decompression_bomb_is_given_up_at_the_limit(servers: Servers, name: str) -> None:
    """It gets its 4xx, twenty times over, and no more memory than a good body."""
    encoding, make = BOMBS[name]
    body = make()
    assert len(body) < 1.1 * MIB, "the limit on what is sent would refuse it first"
    before = servers.resident("gateway")
    headers = {"Authorization": f"Bearer {servers.write_keys['ours']}", "Content-Encoding": encoding}
    with httpx.Client(base_url=servers.gateway, headers=headers, timeout=60) as client:
        for _ in range(20):
            answer = client.post("/v1/batch", content=body)
            assert answer.status_code in {400, 413}, answer.text
    assert servers.resident("gateway") - before < GROWTH


@pytest.mark.parametrize("server", ["gateway", "query-api"])
@pytest.mark.parametrize(
    "head",
    [
        request("GET", "/health/live", *[f"X-{n}: {'a' * 1000}" for n in range(60)]),
        request("GET", "/health/live", *[f"X-{n}: a" for n in range(200)]),
        request("GET", "/health/live", "Cookie: " + "a" * 60_000),
        request("GET", "/health/live?" + "a" * 60_000),
        request("GET", "/v1/stream", *UPGRADE, "Cookie: " + "a" * 60_000),
        request("GET", "/v1/stream", *UPGRADE, *[f"X-{n}: a" for n in range(99)]),
        request("POST", "/v1/batch", "Transfer-Encoding: chunked") + b"0\r\n" + b"X: a\r\n" * 50_000,
    ],
    ids=["many long", "very many", "one long", "long URL", "long upgrade", "many in an upgrade", "trailers"],
)
async def test_oversized_headers_are_refused(servers: Servers, server: str, head: bytes) -> None:
    """431, or whatever else says no, and the connection is closed."""
    async with wire(port_of(servers, server)) as connection:
        await connection.send(head)
        status = await connection.status()
        assert status is None or status >= 400


@pytest.mark.parametrize("server", ["gateway", "query-api"])
@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nX: ",
        b"GET /",
        b"POST /v1/batch HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"POST /v1/batch HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;",
    ],
    ids=["header", "URL", "trailer", "chunk extension"],
)
async def test_an_endless_head_is_cut_off(servers: Servers, server: str, start: bytes) -> None:
    """What has no end is not kept until it has one."""
    before = servers.resident(server)
    async with wire(port_of(servers, server)) as connection:
        await connection.send(start)
        for _ in range(500):
            if not await connection.send(b"a" * MIB):
                break
        else:
            pytest.fail("500 MiB of header were taken")
    assert servers.resident(server) - before < GROWTH


@pytest.mark.parametrize("server", ["gateway", "query-api"])
async def test_pipelined_requests_are_bounded(servers: Servers, server: str) -> None:
    """A client that sends without waiting for answers is closed long before it has queued a million."""
    before = servers.resident(server)
    async with wire(port_of(servers, server)) as connection:
        reading = asyncio.create_task(connection.rest())
        for _ in range(200):
            if not await connection.send(request() * 5000):
                break
        else:
            pytest.fail("a million requests were queued")
        await reading
    assert servers.resident(server) - before < GROWTH


PINGS = {
    "WebSocket pings": frame(PING, b"p" * 125) * 2000,
    "pings of the protocol": frame(TEXT, b'{"type":"ping"}') * 4000,
    "batches of bad events": frame(
        TEXT, b'{"type":"batch","id":"b","events":[%b]}' % b",".join([b"1"] * 1000)
    )
    * 50,
    "batches of good events": frame(
        TEXT,
        json.dumps(
            {"type": "batch", "id": "b", "events": [{"event": "e", "distinct_id": "d"}] * 900}
        ).encode(),
    )
    * 5,
}


@pytest.mark.parametrize("name", PINGS)
async def test_a_client_that_never_reads_is_not_read_from(servers: Servers, name: str) -> None:
    """What it would have to read stays bounded: the gateway stops reading too.

    An ack is so much smaller than its batch that a gigabyte of batches may not fill the sockets with
    acks; of these, only the memory tells.
    """
    before = servers.resident("gateway")
    sent = 0
    async with websocket(servers.gateway_port, servers.write_keys["ours"]) as connection:
        while sent < 1000 * MIB and await connection.push(PINGS[name]):
            sent += len(PINGS[name])
        assert sent < 1000 * MIB or name == "batches of good events", "a gigabyte of answers waits somewhere"
        assert servers.resident("gateway") - before < GROWTH


FRAMES = {
    "empty fragments": [frame(TEXT, b"", fin=False), frame(CONTINUATION, b"", fin=False) * 20_000],
    "tiny fragments": [frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"a", fin=False) * 20_000],
    "empty messages": [frame(TEXT) * 20_000],
    "tiny binary messages": [frame(BINARY, b"a") * 20_000],
    "huge declared length": [frame(TEXT, b"", declared=2**62)],
    "length over the limit": [frame(TEXT, b"", declared=3 * MIB)],
    "fragments over the limit": [
        frame(TEXT, b"", fin=False),
        frame(CONTINUATION, b"a" * 60_000, fin=False) * 20,
    ],
    "reserved opcode": [b"\x83\x80\0\0\0\0"],
    "unmasked": [b"\x81\x02{}"],
    "long ping": [frame(PING, b"a" * 126)],
}


@pytest.mark.parametrize("hello", [True, False], ids=["after hello", "before hello"])
@pytest.mark.parametrize("name", FRAMES)
async def test_frame_floods_close_the_connection(servers: Servers, name: str, hello: bool) -> None:  # noqa: FBT001
    """Malformed frames, and more of them than any client needs, end the connection that sent them."""
    before = servers.resident("gateway")
    async with websocket(servers.gateway_port, servers.write_keys["ours"] if hello else None) as connection:
        reading = asyncio.create_task(connection.rest())
        first, *more = FRAMES[name]
        await connection.send(first)
        for flood in more * 400:
            if reading.done() or not await connection.send(flood):
                break
        await reading
    assert servers.resident("gateway") - before < GROWTH


@pytest.mark.parametrize("server", ["gateway", "query-api"])
async def test_thousands_of_idle_connections_hinder_nobody(
    servers: Servers, server: str, file_limit: int
) -> None:
    """While they are open, others are served; each costs a few kilobytes."""
    count = min(3000, file_limit - 500)
    before = servers.resident(server)
    async with AsyncExitStack() as stack:
        for n in range(count):
            await stack.enter_async_context(wire(port_of(servers, server), f"127.0.0.{n % 200 + 1}"))
        await asyncio.to_thread(servers.assert_well)
        assert servers.resident(server) - before < GROWTH


async def test_thousands_of_idle_sessions_hinder_nobody(servers: Servers, file_limit: int) -> None:
    """The same with a WebSocket and a key each."""
    count = min(2000, file_limit - 500)
    before = servers.resident("gateway")
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(websocket(servers.gateway_port, servers.write_keys["ours"]))
        await asyncio.to_thread(servers.assert_well)
        assert servers.resident("gateway") - before < 2 * GROWTH


@pytest.fixture
def file_limit() -> Iterator[int]:
    """Let this process open as many files as it may."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 65536
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
