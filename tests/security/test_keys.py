"""Keys open what they are for, nothing else, and only while they are live."""

import asyncio
import contextlib
import gc
import hashlib
import json
from pathlib import Path

import httpx
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ingest_gateway import stream
from projects import directory
from projects.directory import KeyDirectory
from projects.keys import KeyKind
from tests.security.routes import ALL, GUARDED, OPEN, OPERATORS, Address
from tests.security.servers import PATIENCE_SECONDS, Servers, eventually, wait_until


def ask(servers: Servers, address: Address, headers: dict[str, str]) -> int:
    """Return the status of a request, or for a WebSocket its close code."""
    base = servers.gateway if address.server == "gateway" else servers.query_api
    return httpx.request(address.method, base + address.path, headers=headers, content=b"{}").status_code


async def close_code(servers: Servers, address: Address, hello: str, headers: dict[str, str]) -> int | None:
    """Return the code with which a server closes a connection that says hello like this."""
    base = servers.gateway if address.server == "gateway" else servers.query_api
    url = f"{base.replace('http', 'ws')}{address.path}"
    async with connect(url, additional_headers=headers) as socket:
        await socket.send(hello)
        await socket.recv()
        await socket.wait_closed()
        return socket.close_code


def test_every_route_is_known_here() -> None:
    """The servers have routes, and both kinds of guard are in use."""
    assert {address.server for address in GUARDED} == {"gateway", "query API"}
    assert {address.path for address in ALL} >= OPEN | OPERATORS


@pytest.mark.parametrize("address", GUARDED, ids=str)
async def test_no_other_key_opens_a_route(servers: Servers, address: Address) -> None:
    """Without a key, with one that nobody made, with the hash of a good one, and with the other kind: refused."""
    good, other = servers.write_keys["ours"], servers.read_keys["ours"]
    if address.server == "query API":
        good, other = other, good
    digest = hashlib.sha256(good.encode()).hexdigest()
    for secret in (
        "",
        "sh_w_" + "0" * 40,
        "sh_r_" + "0" * 40,
        digest,
        good[:-1],
        good + "0",
        good.upper(),
        other,
    ):
        if address.method == "WEBSOCKET":
            hello = json.dumps({"type": "hello", "key": secret})
            assert await close_code(servers, address, hello, {}) in {4401, 4403}, secret
            in_header = {"Authorization": f"Bearer {secret}".strip()}
            assert await close_code(servers, address, hello, in_header) in {4401, 4403}, secret
            continue
        for headers in ({"Authorization": f"Bearer {secret}".strip()}, {"smolhog-api-key": secret}):
            assert ask(servers, address, headers) in {401, 403}, (secret, headers)
    for headers in ({}, {"Authorization": f"Basic {good}"}, {"Cookie": f"key={good}"}, {"X-Api-Key": good}):
        if address.method != "WEBSOCKET":
            assert ask(servers, address, headers) in {401, 403}, headers


@pytest.mark.parametrize("address", [a for a in GUARDED if a.method != "WEBSOCKET"], ids=str)
def test_a_key_in_the_address_opens_nothing(servers: Servers, address: Address) -> None:
    """A query string is logged by every proxy, so a key there counts as none."""
    good = (servers.write_keys if address.server == "gateway" else servers.read_keys)["ours"]
    for name in ("key", "api_key", "token", "access_token", "smolhog-api-key", "authorization"):
        path = Address(address.server, address.method, f"{address.path}?{name}={good}")
        assert ask(servers, path, {}) == 401


@pytest.mark.parametrize("address", [a for a in ALL if a.path in OPEN], ids=str)
def test_health_needs_no_key(servers: Servers, address: Address) -> None:
    """A load balancer asks without one."""
    assert ask(servers, address, {}) == 200


async def test_revocation_ends_live_connections(servers: Servers) -> None:
    """An idle WebSocket and a busy one are closed with 4401, and HTTP says 401, by themselves."""
    key = servers.new_key(KeyKind.WRITE)
    idle, busy = await servers.session(key), await servers.session(key)
    async with idle, busy:
        servers.revoke(key)
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    await busy.send('{"type":"ping"}')
                    await busy.recv()
        await idle.wait_closed()
        assert {idle.close_code, busy.close_code} == {4401}
    await eventually(lambda: servers.answer_to(key, KeyKind.WRITE) == 401, "HTTP refuses the key")


def test_revocation_reaches_the_query_api(servers: Servers) -> None:
    """A revoked read key asks nothing any more."""
    key = servers.new_key(KeyKind.READ)
    assert servers.answer_to(key, KeyKind.READ) == 200
    servers.revoke(key)
    wait_until(lambda: servers.answer_to(key, KeyKind.READ) == 401, "the query API refuses the key")


def test_revocation_takes_five_seconds_at_most() -> None:
    """A lost notification is made up for by the next look, and idle connections are looked at as often."""
    assert directory.REFRESH_SECONDS + stream.REVOCATION_SECONDS < 5


def test_nothing_in_memory_or_on_disk_holds_a_key(servers: Servers, tmp_path: Path) -> None:
    """A directory that has just answered for a key has its digest only, and so have database and snapshot."""
    secret = servers.write_keys["ours"]
    snapshot = tmp_path / "keys.json"
    keys = KeyDirectory(servers.postgres_url, snapshot)
    assert keys.refresh()
    assert keys.find(secret, KeyKind.WRITE) is not None
    seen: list[object] = [keys]
    known = {id(keys)}
    while seen:
        for held in gc.get_referents(seen.pop()):
            if id(held) not in known and isinstance(
                held, dict | list | tuple | set | frozenset | str | bytes
            ):
                known.add(id(held))
                seen.append(held)
                assert held not in (secret, secret.encode(), secret[5:])
    assert secret[5:] not in snapshot.read_text()
    with psycopg.connect(servers.postgres_url) as connection:
        rows = connection.execute("SELECT keys::text FROM keys").fetchall()
    assert rows
    assert all(secret[5:] not in row[0] for row in rows)
