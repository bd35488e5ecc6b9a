"""HTTP bodies: read up to a limit, decompressed up to a limit."""

import asyncio
import zlib

import zstandard
from starlette.requests import Request

from ingest_gateway.errors import BodyError, Refusal

BODY_SECONDS = 30.0
"""Longest that a client may take to send a body."""

# A frame may demand a window of this size; libzstd's own bound is 128 MiB a request.
_ZSTD_WINDOW = 8 * 1024 * 1024

# What follows a member is copied for each: 50,000 empty ones in 1 MiB took seconds.
_GZIP_MEMBERS = 64


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body of a request and undo its ``Content-Encoding``.

    Args:
        request: whose body was not read yet.
        limit: in bytes, of the body as sent and as decompressed. Neither is ever held beyond it.

    Raises:
        BodyError: too big, too slow, or not what ``Content-Encoding`` says.
        starlette.requests.ClientDisconnect: the client went away.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _DECOMPRESS:
        known = ", ".join(_DECOMPRESS)
        raise BodyError(415, Refusal.UNSUPPORTED_ENCODING, f"Content-Encoding must be one of {known}")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read_raw(request, limit)
    except TimeoutError as error:
        raise BodyError(408, Refusal.PROTOCOL_ERROR, "the body did not come in time") from error
    return decompress(body, encoding, limit)


async def _read_raw(request: Request, limit: int) -> bytes:
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo one content encoding; a bomb is given up at the limit, not after it.

    Raises:
        BodyError: damaged, or larger than ``limit`` bytes.
    """
    try:
        plain = _DECOMPRESS[encoding](body, limit + 1)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        message = f"the body is not {encoding}: {error}"
        raise BodyError(400, Refusal.BAD_COMPRESSION, message) from error
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def too_large(limit: int) -> BodyError:
    """Make the error of a body beyond the limit."""
    return BodyError(413, Refusal.FRAME_TOO_LARGE, f"a body may have {limit} bytes, decompressed")


def _as_is(body: bytes, most: int) -> bytes:
    return body[:most]


def _gunzip(body: bytes, most: int) -> bytes:
    plain = b""
    members = 0
    while body and len(plain) < most:  # A gzip file may have several members.
        members += 1
        if members > _GZIP_MEMBERS:
            raise EOFError(f"it has more than {_GZIP_MEMBERS} members")
        member = zlib.decompressobj(wbits=31)
        plain += member.decompress(body, most - len(plain))
        if not member.eof and len(plain) < most:
            raise EOFError("it ends too early")
        body = member.unused_data
    return plain


def _inflate(body: bytes, most: int) -> bytes:
    # "deflate" means zlib's format; some clients send the bare stream all the same.
    has_header = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
    stream = zlib.decompressobj(wbits=15 if has_header else -15)
    plain = stream.decompress(body, most)
    if not stream.eof and len(plain) < most:
        raise EOFError("it ends too early")
    return plain


def _unzstd(body: bytes, most: int) -> bytes:
    with zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
        body, read_across_frames=True
    ) as reader:
        return reader.read(most)


_DECOMPRESS = {
    "identity": _as_is,
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "zstd": _unzstd,
}
