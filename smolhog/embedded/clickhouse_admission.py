"""How many queries run, how many may wait, and that no two running ones share an id."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smolhog.embedded.errors import QueryError


class Admission:
    """Turns for queries. Belongs to one event loop.

    Args:
        concurrency: turns at a time.
        backlog: how many may wait for one.
    """

    def __init__(self, concurrency: int, backlog: int) -> None:
        self._turns = asyncio.Semaphore(concurrency)
        self._limit = concurrency + backlog
        self._ids: set[str] = set()

    @asynccontextmanager
    async def turn(self, query_id: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Raises:
            QueryError: 216 when a query of that id is present, 202 when too many wait.
        """
        if query_id in self._ids:
            raise QueryError(
                216,
                f"Code: 216. DB::Exception: Query with id = {query_id} is already running. "
                "(QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)",
            )
        if len(self._ids) >= self._limit:
            raise QueryError(
                202,
                f"Code: 202. DB::Exception: Too many simultaneous queries. Maximum: {self._limit}. "
                "(TOO_MANY_SIMULTANEOUS_QUERIES)",
            )
        self._ids.add(query_id)
        try:
            async with self._turns:
                yield
        finally:
            self._ids.discard(query_id)
