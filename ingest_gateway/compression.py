"""Content encodings, undone up to a limit."""

import zlib

import zstandard

from ingest_gateway.errors import BodyError, Refusal

# A frame may demand a window of this size; libzstd's own bound is 128 MiB a request.
_ZSTD_WINDOW = 8 * 1024 * 1024

# What follows a member is copied for each: 50,000 empty ones in 1 MiB took seconds.
_GZIP_MEMBERS = 64


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
ENCODINGS = tuple(_DECOMPRESS)
"""Names of content encodings."""
