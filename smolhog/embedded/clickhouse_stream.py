"""An answer that is sent while the query still runs."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import structlog
from starlette.types import Receive, Scope, Send

from smolhog.embedded.clickhouse_compression import encoder
from smolhog.embedded.clickhouse_engine import Engine
from smolhog.embedded.clickhouse_headers import answer_headers, exception_block
from smolhog.embedded.clickhouse_request import QueryRequest
from smolhog.embedded.errors import QueryError

_log = structlog.get_logger()


class QueryStream:
    """An ASGI response made of a query's blocks.

    An error after the first block ends the body with an exception block and without HTTP's final chunk, as a
    ClickHouse server does: a client that knows the mark raises the typed error, every other sees a broken body.

    Args:
        asked: the request.
        form: the output format.
        engine: for the headers.
        first: the first block, empty when there is none.
        following: gives the next block, or b"" after the last; raises `QueryError`.
        resources: released when the response ends, however it ends.
    """

    def __init__(
        self,
        asked: QueryRequest,
        form: str,
        engine: Engine,
        first: bytes,
        following: Callable[[], Awaitable[bytes]],
        resources: AsyncExitStack,
    ) -> None:
        self._asked = asked
        self._engine = engine
        self._first = first
        self._following = following
        self._resources = resources
        self._tag = secrets.token_hex(8)
        self._headers = answer_headers(asked.query_id, engine, form, None)
        self._headers["x-clickhouse-exception-tag"] = self._tag
        if asked.response_coding:
            self._headers["content-encoding"] = asked.response_coding

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the answer; called once, by the web framework."""
        async with self._resources:
            frame = encoder(self._asked.response_coding) if self._asked.response_coding else None
            headers = [
                (name.encode(), value.encode("latin-1", "replace")) for name, value in self._headers.items()
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            block = self._first
            broken = False
            while block:
                data = frame.compress(block) if frame else block
                await send({"type": "http.response.body", "body": data, "more_body": True})
                if broken:
                    break
                try:
                    block = await self._following()
                except QueryError as error:
                    _log.warning("clickhouse_query_broke", query_id=self._asked.query_id, code=error.code)
                    block = exception_block(error, self._tag, self._engine)
                    broken = True
        # After the resources: the end of the response would look like the client's leaving to whoever watches for that.
        end = frame.flush() if frame else b""
        await send({"type": "http.response.body", "body": end, "more_body": broken})


def next_block(blocks: Iterator[bytes]) -> bytes:
    """The next block, b"" after the last. Blocks while the engine computes it."""
    return next(blocks, b"")
