"""What a partition's rollup counter keeps over a restart: open groups and what was emitted last, as bytes.

A newer SmolHog reads what an older one wrote. The first version had a row for each closed cell.
"""

from typing import Any

import msgspec

from schemas.rollup import CellGroup, RollupRows

STATE_VERSION = 2


class Group(msgspec.Struct, array_like=True):
    """The open cells of one project, interval and bucket."""

    segment: int
    version: int
    cells: dict[str, dict[str, dict[str, int]]]
    """event -> dimension -> value -> total"""


class RollupState(msgspec.Struct, array_like=True):
    """All that a counter needs to go on."""

    version: int
    log_time: int
    groups: list[tuple[int, int, int, Group]]
    """Project, interval, bucket, and their cells."""
    closed: list[RollupRows]
    """Of closed groups; emitted since the last snapshot, or not yet."""
    counted_to: int = 0


class _FirstState(msgspec.Struct, array_like=True):
    version: int
    log_time: int
    groups: list[tuple[int, int, int, Group]]
    closed: list[tuple[tuple[int, int, int, str, str, str], int, int, int, int]]
    """A cell's key; partition, segment, version and total of its row."""
    counted_to: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode_any = msgspec.msgpack.Decoder(list[Any]).decode
_decode_first = msgspec.msgpack.Decoder(_FirstState).decode
_decode = msgspec.msgpack.Decoder(RollupState).decode


def encode_state(state: RollupState) -> bytes:
    """Encode a state of the newest version."""
    return _encode(state)


def decode_state(encoded: bytes, partition: int) -> RollupState:
    """Decode a state of any version.

    Raises:
        ValueError: it is damaged, or of a version that is yet to come.
    """
    try:
        version = next(iter(_decode_any(encoded)), None)
        if version == 1:
            return _upgraded(_decode_first(encoded))
        if version == STATE_VERSION:
            return _decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"rollup state of partition {partition} is damaged: {error}") from error
    raise ValueError(
        f"rollup state of partition {partition} has version {version}, this SmolHog reads up to {STATE_VERSION}"
    )


def _upgraded(first: _FirstState) -> RollupState:
    closed = [
        RollupRows(CellGroup(*key[:5]), partition, segment, version, {key[5]: total})
        for key, partition, segment, version, total in first.closed
    ]
    return RollupState(STATE_VERSION, first.log_time, first.groups, closed, first.counted_to)
