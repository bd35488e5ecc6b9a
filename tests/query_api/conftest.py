"""The query API over real stores, with the keys of two projects."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from projects.keys import Key, KeyKind
from query_api.app import create_app
from query_api.columns import QueryLimits
from sinks.migrate import migrate_stores
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer

NOW = datetime(2026, 11, 1, 12, 34, 56, tzinfo=UTC)
READ_ONE, READ_TWO, WRITE_ONE = "sh_r_one", "sh_r_two", "sh_w_one"


class Ring:
    """A key ring of a few known keys."""

    def __init__(self, project_id: int = 1) -> None:
        self.keys = {
            (READ_ONE, KeyKind.READ): Key(1, project_id, KeyKind.READ),
            (READ_TWO, KeyKind.READ): Key(2, 2, KeyKind.READ),
            (WRITE_ONE, KeyKind.WRITE): Key(3, 1, KeyKind.WRITE),
        }

    def find(self, secret: str, kind: KeyKind) -> Key | None:
        """Return the live key behind ``secret``."""
        return self.keys.get((secret, kind))


@dataclass(frozen=True)
class Stores:
    """Where the two stores of a test are, with the schema in place."""

    clickhouse_url: str
    postgres_dsn: str


@pytest.fixture(scope="module")
def stores(clickhouse_server: ClickHouseServer, postgres_server: PostgresServer) -> Iterator[Stores]:
    """Fresh stores for a module, migrated, with projects 1 and 2."""
    with clickhouse_server.database() as database, postgres_server.database() as postgres:
        url = f"{clickhouse_server.url}/{database}"
        migrate_stores(postgres, url, clickhouse_server.cluster)
        with psycopg.connect(postgres) as connection:
            connection.execute("INSERT INTO projects (name) VALUES ('ours'), ('theirs')")
        yield Stores(url, postgres)


Opening = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def open_api() -> Opening:
    """Opens the API over given stores; the client has the read key of project 1 unless told otherwise."""

    @asynccontextmanager
    async def opened(
        stores: Stores, *, project_id: int = 1, limits: QueryLimits | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(
            clickhouse_url=stores.clickhouse_url,
            postgres_dsn=stores.postgres_dsn,
            keys=Ring(project_id),
            cors_origins=("https://dash.example",),
            limits=limits,
            now=lambda: NOW,
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport,
                base_url="http://api.example",
                headers={"authorization": f"Bearer {READ_ONE}"},
            ) as client,
        ):
            yield client

    return opened


@pytest.fixture
async def api(stores: Stores, open_api: Opening) -> AsyncIterator[httpx.AsyncClient]:
    """The API over the module's stores."""
    async with open_api(stores) as client:
        yield client
