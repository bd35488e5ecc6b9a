"""A store that goes away costs answers while it is away, and nothing after."""

import time
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from query_api.errors import StoreUnavailable
from query_api.freshness import Freshness
from tests.fixtures_postgres import PostgresServer
from tests.query_api.conftest import Opening, Stores
from tests.tcp_proxy import TcpProxy


async def status_until(api: httpx.AsyncClient, wanted: int) -> None:
    """Ask until the answer has this status; each answer is a 200 or a typed 503."""
    deadline = time.monotonic() + 30
    while True:
        response = await api.get("/analytics/stats")
        assert response.status_code in (200, 503), response.text
        if response.status_code == wanted:
            return
        assert time.monotonic() < deadline


@pytest.mark.parametrize("away", ["clickhouse", "postgres"])
async def test_answers_come_back_with_the_store(
    stores: Stores, postgres_server: PostgresServer, open_api: Opening, away: str
) -> None:
    """While connections are cut there is 503, then the same process answers again, without a restart."""
    clickhouse = urlsplit(stores.clickhouse_url)
    target = clickhouse.port if away == "clickhouse" else postgres_server.port
    assert target is not None
    with TcpProxy(target) as proxy:
        if away == "clickhouse":
            reached = Stores(f"http://127.0.0.1:{proxy.port}{clickhouse.path}", stores.postgres_dsn)
        else:
            database = urlsplit(stores.postgres_dsn).path.strip("/")
            through = urlsplit(postgres_server.url(database, tcp=True))
            dsn = through._replace(netloc=f"{through.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
            reached = Stores(stores.clickhouse_url, dsn)
        async with open_api(reached) as api:
            await status_until(api, 200)
            proxy.cut()
            await status_until(api, 503)
            proxy.restore()
            await status_until(api, 200)
            # Connections that died unnoticed in between do not show either.
            proxy.drop()
            assert (await api.get("/analytics/stats")).status_code == 200


async def test_a_table_that_is_locked_costs_an_answer_and_not_the_next_ones(stores: Stores) -> None:
    """Whoever holds the lock, and however long: each question is told so after a while."""
    postgres = Freshness(stores.postgres_dsn, statement_seconds=0.2)
    await postgres.open()
    try:
        with psycopg.connect(stores.postgres_dsn) as holder:
            holder.execute("LOCK TABLE sink_positions IN ACCESS EXCLUSIVE MODE")
            # More of them than there are connections.
            for _ in range(5):
                with pytest.raises(StoreUnavailable):
                    await postgres.as_of()
        await postgres.as_of()
    finally:
        await postgres.close()
