"""A question whose asker has gone costs the store nothing any more."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from query_api.app import create_app
from query_api.columns import Columns, QueryLimits
from sinks.clickhouse.connect import connect
from tests.query_api.conftest import READ_ONE, Ring, Stores

ENDLESS = "SELECT count() FROM numbers(3000000000017) WHERE NOT ignore(number)"
RUNNING = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(3000000000017)%' AND query NOT LIKE '%LIKE%'"
PATIENCE_SECONDS = 30
LIMITS = QueryLimits(seconds=60, concurrency=1)


async def running(stores: Stores, expected: int) -> None:
    """Wait until so many of the endless questions run in the store."""

    def count() -> int:
        with connect(stores.clickhouse_url) as client:
            return int(client.query(RUNNING).result_rows[0][0])

    async with asyncio.timeout(PATIENCE_SECONDS):
        while await asyncio.to_thread(count) != expected:  # noqa: ASYNC110 - the store does not tell
            await asyncio.sleep(0.05)


@asynccontextmanager
async def served(stores: Stores) -> AsyncIterator[int]:
    """The API on a port, as it is run, with questions that may take a minute."""
    app = create_app(
        clickhouse_url=stores.clickhouse_url, postgres_dsn=stores.postgres_dsn, keys=Ring(), limits=LIMITS
    )
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def asked(port: int, method: str, body: bytes = b"") -> asyncio.StreamWriter:
    """Send a question and leave the connection open."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    path = {"GET": "stats", "POST": "trends"}[method]
    head = f"{method} /analytics/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {READ_ONE}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    return writer


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_that_goes_away_ends_its_query(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The store stops working on it at once, and the next question is answered."""
    monkeypatch.setattr("query_api.totals.UNIQUE_USERS", ENDLESS)
    monkeypatch.setattr("query_api.analyses.trend_numbers.numbers_from_events", lambda *_, **__: ENDLESS)
    async with served(stores) as port:
        body = b'{"series":[{"measure":"sum","property":"a"}]}' if method == "POST" else b""
        writer = await asked(port, method, body)
        await running(stores, 1)
        writer.close()
        await running(stores, 0)
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {READ_ONE}"}) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/analytics/events")
        assert answer.status_code == 200, answer.text


async def test_a_question_that_waited_for_its_turn_never_runs(stores: Stores) -> None:
    """Cancelled before it began, it takes no turn; the one before it is killed, and a third is answered."""
    columns = Columns(stores.clickhouse_url, LIMITS)
    try:
        first = asyncio.create_task(columns.rows(ENDLESS, {}, tuple[int]))
        await running(stores, 1)
        second = asyncio.create_task(columns.rows(ENDLESS, {}, tuple[int]))
        await asyncio.sleep(0)
        for task in (second, first):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await columns.rows("SELECT 1", {}, tuple[int]) == [(1,)]
        await running(stores, 0)
    finally:
        await asyncio.to_thread(columns.close)
