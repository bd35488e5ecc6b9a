"""HTTP bodies: read up to a limit, decompressed up to a limit."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request

from ingest_gateway.compression import ENCODINGS, decompress, too_large
from ingest_gateway.errors import BodyError, Refusal

BODY_SECONDS = 30.0
"""Longest that a client may take to send a body."""

_DISCARD_SECONDS = 5.0


class BodyBudget:
    """Bounds the memory that bodies may take while it is not known whose they are.

    Args:
        most: bytes of all of them together.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Account for bytes that are held from now on.

        Raises:
            BodyError: there is no room; the client is to come again.
        """
        if size > self._left:
            raise BodyError(503, Refusal.OVERLOADED, "the gateway is full; send the events again")
        self._left -= size

    def give_back(self, size: int) -> None:
        """Account for bytes that are held no more."""
        self._left += size


async def read_body(
    request: Request, limit: int, hold: Callable[[int], None] | None = None, discard: int = 0
) -> bytes:
    """Read the body of a request and undo its ``Content-Encoding``.

    Args:
        request: whose body was not read yet.
        limit: in bytes, of the body as sent and as decompressed. Neither is ever held beyond it.
        hold: told of the bytes that are held; it may raise BodyError.
        discard: bytes beyond the limit that are read on and forgotten, so that a client that is still
            sending gets to read why it is refused.

    Raises:
        BodyError: too big, too slow, or not what ``Content-Encoding`` says.
        starlette.requests.ClientDisconnect: the client went away.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ENCODINGS:
        known = ", ".join(ENCODINGS)
        raise BodyError(415, Refusal.UNSUPPORTED_ENCODING, f"Content-Encoding must be one of {known}")
    stream = request.stream()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            _check_length(request, limit)
            body = await _read_raw(stream, limit, hold)
    except TimeoutError as error:
        raise BodyError(408, Refusal.PROTOCOL_ERROR, "the body did not come in time") from error
    except BodyError:
        if discard:
            await _discard_rest(stream, discard)
        raise
    plain = decompress(body, encoding, limit)
    if hold is not None and len(plain) > len(body):
        hold(len(plain) - len(body))
    return plain


def _check_length(request: Request, limit: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > limit:
        raise too_large(limit)


async def _read_raw(stream: AsyncIterator[bytes], limit: int, hold: Callable[[int], None] | None) -> bytes:
    chunks = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        if hold is not None:
            hold(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


async def _discard_rest(stream: AsyncIterator[bytes], most: int) -> None:
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_DISCARD_SECONDS):
            async for chunk in stream:
                most -= len(chunk)
                if most < 0:
                    return
