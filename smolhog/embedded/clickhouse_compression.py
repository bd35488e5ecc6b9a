"""HTTP content codings that ClickHouse and its clients use: gzip, deflate, zstd and lz4 frames.

Clients send a body as one stream or, with zstd and lz4, as a row of independent frames; both decode here.
"""

import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.frame
import zstandard

from smolhog.embedded.errors import QueryError

CODINGS = ("lz4", "zstd", "gzip", "deflate")

_FAILURES = (zlib.error, zstandard.ZstdError, RuntimeError, EOFError)


class _FrameDecoder(Protocol):
    """The standard library's decompressor shape, shared by all four."""

    @property
    def unused_data(self) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _FrameEncoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Lz4Encoder:
    """lz4's compressor opens its frame by a separate call; here the first block does."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._opened = False

    def compress(self, data: bytes, /) -> bytes:
        opening = b"" if self._opened else bytes(self._frame.begin())
        self._opened = True
        return opening + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        opening = b"" if self._opened else bytes(self._frame.begin())
        return opening + bytes(self._frame.flush())


_DECODERS: dict[str, Callable[[], _FrameDecoder]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
}
_ENCODERS: dict[str, Callable[[], _FrameEncoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: zlib.compressobj(level=1, wbits=31),
    "deflate": lambda: zlib.compressobj(level=1),
}


def choose_coding(accept_encoding: str) -> str | None:
    """The cheapest coding a client accepts, None when it accepts none of ours."""
    accepted = {part.partition(";")[0].strip().lower() for part in accept_encoding.split(",")}
    return next((coding for coding in CODINGS if coding in accepted), None)


def encoder(coding: str) -> _FrameEncoder:
    """A compressor for one response; `coding` is one of `CODINGS`."""
    return _ENCODERS[coding]()


class BodyDecoder:
    """Decodes one request body, in pieces as they come.

    Args:
        coding: the Content-Encoding header; empty and `identity` pass bytes through.

    Raises:
        QueryError: for an unknown coding here, for damaged data in `decode` and `finish`.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding.lower() if coding.lower() != "identity" else ""
        if self._coding and self._coding not in _DECODERS:
            raise QueryError(
                48, f"Code: 48. DB::Exception: Unknown compression method {coding}. (NOT_IMPLEMENTED)"
            )
        self._frame: _FrameDecoder | None = None

    def decode(self, data: bytes) -> bytes:
        """The plain bytes of the next piece; a frame may end and the next begin anywhere in it."""
        if not self._coding:
            return data
        plain = []
        try:
            while data:
                if self._frame is None:
                    self._frame = _DECODERS[self._coding]()
                plain.append(self._frame.decompress(data))
                data = b""
                if self._frame.eof:
                    data = self._frame.unused_data or b""
                    self._frame = None
        except _FAILURES as error:
            raise self._damaged(str(error)) from error
        return b"".join(plain)

    def finish(self) -> None:
        """The body has ended: complain if it ended inside a frame."""
        if self._frame is not None:
            raise self._damaged("the body ends inside a frame")

    def _damaged(self, why: str) -> QueryError:
        text = (
            f"Code: 354. DB::Exception: Cannot decode the {self._coding} body: {why}. (ZLIB_INFLATE_FAILED)"
        )
        return QueryError(354, text)
