"""Questions to a service: does it answer, and is it ready."""

import asyncio
import http.client
import json
from dataclasses import dataclass
from typing import Any

import psycopg

from smolhog.embedded.errors import FolderUnusableError
from smolhog.settings import Settings

TIMEOUT_SECONDS = 3.0
# What to connect to when a server listens on all addresses.
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Decode the body; raises ValueError when it is not JSON."""
        return json.loads(self.body)


def reachable_host(host: str) -> str:
    """Return the address at which this machine reaches a server that listens on ``host``."""
    return _ANY_ADDRESS.get(host, host)


def http_get(host: str, port: int, path: str, headers: dict[str, str] | None = None) -> Answer:
    """Ask once.

    Raises:
        OSError: nobody answers, or not in HTTP.
    """
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"{host}:{port} does not speak HTTP: {error!r}") from error
    finally:
        connection.close()


async def answers(host: str, port: int, path: str) -> bool:
    """Whether a GET is answered with 200; for a child's readiness."""
    answer = await asyncio.to_thread(http_get, host, port, path)
    return answer.status == 200


async def postgres_answers(settings: Settings) -> bool:
    """Whether PostgreSQL runs a query; for a child's readiness."""
    try:
        async with await psycopg.AsyncConnection.connect(
            settings.postgres_dsn, connect_timeout=round(TIMEOUT_SECONDS)
        ) as connection:
            await connection.execute("SELECT 1")
    except (psycopg.OperationalError, FolderUnusableError):
        return False
    return True
