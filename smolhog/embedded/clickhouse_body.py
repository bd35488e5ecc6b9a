"""Reading a request's body: decoded as it arrives, and only as far as its kind of query needs."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.types import Receive

from smolhog.embedded.clickhouse_compression import BodyDecoder
from smolhog.embedded.clickhouse_sql import DataInsert, Reading, parse_insert
from smolhog.embedded.errors import QueryError

# How far the head of an INSERT is looked for while more of the body is to come.
_HEAD_BYTES = 64 << 10
# A server takes 256 KiB of SQL; rows written as VALUES do not count there, so there is room for them here.
_MAX_QUERY_BYTES = 64 << 20


async def decoded(request: Request) -> AsyncIterator[bytes]:
    """The body's plain bytes.

    Raises:
        QueryError: the content coding is unknown or the data damaged.
        ClientDisconnect: the client left before the body's end.
    """
    decoder = BodyDecoder(request.headers.get("content-encoding", ""))
    async for chunk in request.stream():
        plain = decoder.decode(chunk)
        if plain:
            yield plain
    decoder.finish()


async def read_head(body: AsyncIterator[bytes], text: bytes) -> tuple[bytes, DataInsert | None]:
    """Read until it is clear whether `text` and what follows is an INSERT with data.

    Returns:
        The text so far and the INSERT; the rest of its data is still in `body`. Without an INSERT `body` may or
        may not be exhausted.
    """
    reading = parse_insert(text, whole=False)
    while reading is Reading.UNDECIDED and len(text) < _HEAD_BYTES:
        chunk = await anext(body, None)
        if chunk is None:
            reading = parse_insert(text, whole=True)
            break
        text += chunk
        reading = parse_insert(text, whole=False)
    if reading is Reading.UNDECIDED:
        text = await whole(body, text)
        reading = parse_insert(text, whole=True)
    return text, reading if isinstance(reading, DataInsert) else None


async def whole(body: AsyncIterator[bytes], text: bytes) -> bytes:
    """`text` and the rest of the body.

    Raises:
        QueryError: it is longer than a query may be, code 62 as a server says.
    """
    parts = [text]
    size = len(text)
    async for chunk in body:
        parts.append(chunk)
        size += len(chunk)
        if size > _MAX_QUERY_BYTES:
            raise QueryError(
                62,
                "Code: 62. DB::Exception: Max query size exceeded (this server takes "
                f"{_MAX_QUERY_BYTES} bytes; send rows as INSERT … FORMAT instead). (SYNTAX_ERROR)",
            )
    return b"".join(parts)


async def until_gone(receive: Receive) -> None:
    """Return when the client has closed the connection. To be called after the body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass
