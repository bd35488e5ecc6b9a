"""Content codings, byte by byte."""

import gzip
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from smolhog.embedded.clickhouse_compression import CODINGS, BodyDecoder, choose_coding, encoder
from smolhog.embedded.errors import QueryError

_COMPRESS = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
_DECOMPRESS = {
    "lz4": lz4.frame.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


@given(
    coding=st.sampled_from(CODINGS),
    frames=st.lists(st.binary(max_size=200), min_size=1, max_size=4),
    size=st.integers(min_value=1, max_value=50),
)
def test_decodes_frames_cut_anywhere(coding: str, frames: list[bytes], size: int) -> None:
    """Several frames in a row, arriving in pieces, give the bytes that went in."""
    data = b"".join(_COMPRESS[coding](frame) for frame in frames)
    decoder = BodyDecoder(coding)
    plain = b"".join(decoder.decode(data[start : start + size]) for start in range(0, len(data), size))
    decoder.finish()
    assert plain == b"".join(frames)


@given(coding=st.sampled_from(CODINGS), blocks=st.lists(st.binary(min_size=1, max_size=200), max_size=4))
def test_encodes_one_frame(coding: str, blocks: list[bytes]) -> None:
    """An answer of several blocks is one stream that other tools can read."""
    frame = encoder(coding)
    data = b"".join(frame.compress(block) for block in blocks) + frame.flush()
    assert _DECOMPRESS[coding](data) == b"".join(blocks)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_short_body_is_an_error(coding: str) -> None:
    """A body that ends inside a frame is damaged, not shorter."""
    decoder = BodyDecoder(coding)
    decoder.decode(_COMPRESS[coding](b"x" * 1000)[:-5])
    with pytest.raises(QueryError, match="ends inside a frame"):
        decoder.finish()


def test_chooses_what_the_client_accepts() -> None:
    """The cheapest of ours; none when there is none."""
    assert choose_coding("gzip, zstd;q=0.5,br") == "zstd"
    assert choose_coding("br") is None
    assert choose_coding("") is None
