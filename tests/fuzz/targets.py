"""What is fuzzed: one function for each decoder that strangers' bytes reach.

Each takes bytes and fails if the decoder raises anything but its own error, or breaks a promise: the
fast path and the exact one agree, every event of a batch is accounted for, and what was accepted can
be stored and read back.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import msgspec

from ingest_gateway.batch import DecodedBatch
from ingest_gateway.compression import decompress
from ingest_gateway.errors import BodyError, FrameError
from ingest_gateway.native import NativeDecoder
from ingest_gateway.packed import json_of_packed
from ingest_gateway.vendors.first_sdk import decode_first_sdk
from ingest_gateway.vendors.judging import judge_request
from ingest_gateway.vendors.mixpanel import open_mixpanel
from ingest_gateway.vendors.opened import Opened, Stored, VendorRequest
from ingest_gateway.vendors.posthog import open_posthog
from ingest_gateway.vendors.posthog_v1 import open_posthog_v1
from ingest_gateway.vendors.reading import BATCH_EVENTS
from ingest_gateway.vendors.segment import open_segment
from schemas.envelope import (
    EnvelopeError,
    LogEvent,
    RejectedEvent,
    SubBatch,
    decode_message,
    encode_sub_batch,
    join_sub_batches,
)
from schemas.limits import Limits
from schemas.reasons import RejectReason
from schemas.wire import Hello, Ping

LIMITS = Limits(
    frame_bytes=65536, batch_events=20, event_bytes=2000, name_length=200, nesting=4, properties=20
)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Ids:
    """Event ids in the same order each time, so that two ways through a decoder can be compared."""

    def __init__(self) -> None:
        self._numbers = count()

    def restart(self) -> None:
        """Begin again."""
        self._numbers = count()

    def __call__(self) -> str:
        """Make an id."""
        return f"00000000-0000-7000-8000-{next(self._numbers):012x}"


_ids = Ids()
_decoder = NativeDecoder(LIMITS, _ids)


def decoder() -> NativeDecoder:
    """Return the decoder, as if it had made no ids yet."""
    _ids.restart()
    return _decoder


def outcome(decode: Callable[[], object]) -> object:
    """Return what was decoded, or the one error that may be raised."""
    try:
        return decode()
    except FrameError as error:
        refused = error
    assert isinstance(refused.code, RejectReason)
    refused.message.encode()
    return (refused.code, refused.batch_id)


def check_batch(batch: DecodedBatch, most: int = LIMITS.batch_events) -> None:
    """Every event is either good or has one verdict; all of it goes into the log and comes back."""
    assert len(batch.verdicts) == len(batch.rejected)
    indices = [verdict.index for verdict in batch.verdicts]
    assert indices == sorted(set(indices))
    assert all(0 <= index < len(batch.events) + len(indices) for index in indices)
    assert len(batch.events) <= most
    for event in batch.events:
        assert 1 <= len(event.event) <= LIMITS.name_length
        assert 1 <= len(event.distinct_id) <= LIMITS.name_length
        properties = msgspec.json.decode(event.properties)
        assert isinstance(properties, dict)
        assert len(properties) <= LIMITS.properties
        text = bytes(event.properties).decode()
        assert "\0" not in text
        assert "\\u0000" not in text.replace("\\\\", "")
    for verdict in batch.verdicts:
        msgspec.json.encode(verdict)
    sub_batch = SubBatch(1, _NOW, batch.sent_at, "ws.v1", None, None, None, batch.events, batch.rejected)
    (back,) = decode_message(join_sub_batches([encode_sub_batch(sub_batch)])).batches
    assert [event.event_id for event in back.events] == [event.event_id for event in batch.events]
    assert [comparable(event) for event in back.events] == [comparable(event) for event in batch.events]
    assert [(r.reason, r.message, r.payload) for r in back.rejected] == [
        (r.reason, r.message, r.payload) for r in batch.rejected
    ]


def comparable(event: LogEvent) -> object:
    """Return an event as values that compare."""
    return (
        event.event_id,
        event.event,
        event.distinct_id,
        event.timestamp,
        event.session_id,
        bytes(event.properties),
    )


def comparable_rejected(event: RejectedEvent) -> object:
    """Return a rejected event as values that compare."""
    return (event.reason, event.event_id, event.payload)


def same(one: object, other: object) -> bool:
    """Whether two ways through a decoder came to the same."""
    if isinstance(one, DecodedBatch) and isinstance(other, DecodedBatch):
        return (
            [comparable(event) for event in one.events] == [comparable(event) for event in other.events]
            and [comparable_rejected(event) for event in one.rejected]
            == [comparable_rejected(event) for event in other.rejected]
            and (one.id, one.sent_at) == (other.id, other.sent_at)
        )
    return one == other


def frame_json(data: bytes) -> None:
    """WebSocket frames in JSON: both paths agree."""
    fast = outcome(lambda: decoder().decode_frame(data))
    exact = outcome(lambda: decoder().decode_frame_exactly(data))
    assert same(fast, exact), (fast, exact)
    if isinstance(fast, DecodedBatch):
        check_batch(fast)
    else:
        assert isinstance(fast, Hello | Ping | tuple)


def body_json(data: bytes) -> None:
    """HTTP bodies in JSON: both paths agree."""
    fast = outcome(lambda: decoder().decode_body(data))
    exact = outcome(lambda: decoder().decode_body_exactly(data))
    assert same(fast, exact), (fast, exact)
    if isinstance(fast, DecodedBatch):
        check_batch(fast)


def frame_packed(data: bytes) -> None:
    """WebSocket frames in MessagePack."""
    decoded = outcome(lambda: decoder().decode_frame(data, packed=True))
    if isinstance(decoded, DecodedBatch):
        check_batch(decoded)


def body_packed(data: bytes) -> None:
    """HTTP bodies in MessagePack; what the reference decoder reads as a map, ours reads too."""
    decoded = outcome(lambda: decoder().decode_body(data, packed=True))
    if isinstance(decoded, DecodedBatch):
        check_batch(decoded)
    text = outcome(lambda: json_of_packed(data))
    if not isinstance(text, tuple) or isinstance(text[0], bytes):
        assert isinstance(text, tuple)


def first_sdk(data: bytes) -> None:
    """Bodies of the first SDK."""
    decoded = outcome(lambda: decode_first_sdk(data, project_id=1, limits=LIMITS, new_id=Ids()))
    if isinstance(decoded, DecodedBatch):
        check_batch(decoded)


def _vendor(data: bytes, path: str, opener: Callable[[VendorRequest], Opened], **headers: str) -> None:
    """Take a vendor's request apart and judge its events, as the edge does; twice, to the same ids."""
    asked = VendorRequest(
        path=path,
        query={},
        headers=headers,
        body=data,
        now=_NOW,
        limit=100_000,
        is_known=lambda _: True,
        has_key=True,
    )
    opened: Opened | FrameError | BodyError
    try:
        opened = opener(asked)
    except (FrameError, BodyError) as error:
        opened = error
    if not isinstance(opened, Opened):
        opened.message.encode()
        assert isinstance(opened, FrameError) or opened.status in {400, 413}
        return
    first, second = (judge_request(opened, 1, LIMITS, Ids(), "sh_w_key") for _ in range(2))
    results = []
    for part, again in zip(first, second, strict=True):
        check_batch(part.batch, BATCH_EVENTS)
        assert same(part.batch, again.batch)
        results += part.batch.verdicts
    assert sum(len(part.batch.events) + len(part.batch.rejected) for part in first) == len(opened.items)
    msgspec.json.encode(opened.answer(Stored(0, results)).body)
    msgspec.json.encode([sorted(opened.secrets), opened.sent_at])


def posthog_body(data: bytes) -> None:
    """Bodies of PostHog's `/e/` and `/batch/`: forms, base64, gzip, lz-string, JSON."""
    _vendor(data, "/e", open_posthog)
    _vendor(b"compression=lz64&data=" + data, "/e", open_posthog)


def posthog_v1_body(data: bytes) -> None:
    """Bodies of PostHog's version 1."""
    _vendor(data, "/i/v1/analytics/events", open_posthog_v1, **{"posthog-sdk-info": "a/1"})


def segment_body(data: bytes) -> None:
    """Bodies of Segment's calls."""
    _vendor(data, "/v1/batch", open_segment)
    _vendor(data, "/v1/page", open_segment)


def mixpanel_body(data: bytes) -> None:
    """Bodies of Mixpanel's `/track` and `/import`."""
    _vendor(data, "/track", open_mixpanel)
    _vendor(data, "/import", open_mixpanel)


def properties(data: bytes) -> None:
    """One event's properties, between two good neighbours: it never costs them anything."""
    good = b'{"event":"e","distinct_id":"d"}'
    framed = b'{"events":[%b,{"event":"e","distinct_id":"d","properties":%b},%b]}' % (good, data, good)
    body_json(framed)


def envelope(data: bytes) -> None:
    """Messages of the event log, as a dataflow reads them back from a damaged disk."""
    try:
        message = decode_message(data)
    except EnvelopeError:
        return
    again = decode_message(join_sub_batches(encode_sub_batch(batch) for batch in message.batches))
    assert len(again.batches) == len(message.batches)


def compressed(data: bytes) -> None:
    """Compressed bodies: the first byte picks the encoding; the limit holds."""
    encodings = ("gzip", "deflate", "zstd", "identity")
    encoding = encodings[data[0] % len(encodings)] if data else "gzip"
    try:
        plain = decompress(data[1:], encoding, 10_000)
    except BodyError as error:
        status = error.status
    else:
        status = 200
        assert len(plain) <= 10_000
    assert status in {200, 400, 413}


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        frame_json,
        body_json,
        frame_packed,
        body_packed,
        first_sdk,
        posthog_body,
        posthog_v1_body,
        segment_body,
        mixpanel_body,
        properties,
        envelope,
        compressed,
    )
}
