"""How fresh an answer is, and whatever else PostgreSQL knows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from query_api.errors import StoreUnavailable
from query_api.sql import NEWEST_LOG_TIME, STORES_ALIVE

_log = structlog.get_logger()


class Freshness:
    """Knows ``as_of``, from the sink positions in PostgreSQL.

    ``as_of`` is the arrival time (``received_at``, by the gateway's clock) of the newest event that is
    known to be stored, over all partitions of the event log. It is read before the answer itself,
    so the answer is at least that fresh. It stands still while nothing arrives; ``None`` means that
    nothing was stored yet. Events that arrived before it are in the answer, unless their partition
    of the log lags behind the others.

    Args:
        dsn: where PostgreSQL is.
        timeout_seconds: to wait for a connection.
        statement_seconds: that one statement may take.
    """

    def __init__(self, dsn: str, *, timeout_seconds: float = 3, statement_seconds: float = 10) -> None:
        self._pool = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=4,
            timeout=timeout_seconds,
            open=False,
            # A restart of PostgreSQL must not show as errors of the first questions after it.
            check=AsyncConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "connect_timeout": max(2, int(timeout_seconds)),
                # Whoever holds a lock for long must cost an answer, and not all later ones too.
                "options": f"-c statement_timeout={round(statement_seconds * 1000)}",
            },
            name="query-api",
        )

    async def open(self) -> None:
        """Start connecting; does not wait for it."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Give the connections back."""
        await self._pool.close()

    async def as_of(self) -> datetime | None:
        """Return ``as_of``, in UTC.

        Raises:
            StoreUnavailable: PostgreSQL is away.
        """
        ((newest,),) = await self.rows(NEWEST_LOG_TIME)
        return None if newest is None else newest.astimezone(UTC)

    async def check(self) -> None:
        """Ask PostgreSQL for a sign of life; raises like :meth:`as_of`."""
        await self.rows(STORES_ALIVE)

    async def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a constant statement in PostgreSQL; raises like :meth:`as_of`."""
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement.encode(), parameters)
                return await cursor.fetchall()
        except (psycopg.Error, PoolTimeout) as error:
            _log.warning("postgres away", error=str(error).strip().partition("\n")[0])
            raise StoreUnavailable("the database does not answer right now; try again in a moment") from error
