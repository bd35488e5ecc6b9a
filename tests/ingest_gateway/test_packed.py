"""MessagePack frames: turned into JSON, what JSON cannot say refused by event."""

import json
from typing import Any

import msgspec
import pytest

from ingest_gateway.errors import FrameError
from ingest_gateway.packed import json_of_packed

GOOD = {"event": "e", "distinct_id": "d"}


def pack(*events: Any) -> bytes:
    """Pack a batch."""
    return msgspec.msgpack.encode({"type": "batch", "id": "b", "events": list(events)})


def spoiled(by: bytes) -> bytes:
    """Pack a batch of three; the middle one holds these bytes as a property."""
    return pack(GOOD, GOOD | {"properties": {"x": "@"}}, GOOD).replace(b"\xa1@", by, 1)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xa1\xff", "invalid_utf8"),
        (b"\xd4\x05\x00", "malformed"),
        (b"\x91" * 5000 + b"\xc0", "nested_too_deep"),
        (b"\x81\x91\x01\x01", "malformed"),
    ],
    ids=["bad UTF-8", "unknown extension", "5,000 levels", "a list as key"],
)
def test_what_json_cannot_say_costs_only_its_event(value: bytes, reason: str) -> None:
    """The spoiled event is named; its neighbours stand in the JSON frame, and `null` in its place."""
    text, rejected = json_of_packed(spoiled(value))
    assert json.loads(text)["events"] == [GOOD, None, GOOD]
    assert {index: kept.reason.value for index, kept in rejected.items()} == {1: reason}


def test_nan_stays_visible() -> None:
    """NaN is not quietly turned into null: the JSON says NaN, which the decoder refuses by name."""
    text, rejected = json_of_packed(pack(GOOD, GOOD | {"properties": {"x": float("inf")}}))
    assert b"Infinity" in text
    assert not rejected


@pytest.mark.parametrize("frame", [b"", b"\x93", b"\xc1", b"\x81\xa6events\x9f", b"\x80\x80", b"\xff"])
def test_what_is_no_frame_is_a_frame_error_or_stays_no_frame(frame: bytes) -> None:
    """Bytes that are no MessagePack map never become a batch."""
    try:
        text, _ = json_of_packed(frame)
    except FrameError:
        return
    assert not isinstance(json.loads(text), dict) or "events" not in json.loads(text)
