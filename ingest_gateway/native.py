"""The native protocol's decoder: a frame in, events and verdicts out.

There are two ways through it. The *fast path* decodes the frame with msgspec and proves of the whole
frame at once that every event in it is sound (:mod:`ingest_gateway.proof`); properties stay the bytes
that came. It never refuses anything: whatever it cannot prove goes the *exact path*, event by event
(:mod:`ingest_gateway.exact`), so that one bad event costs its neighbours time and nothing else.

Both ways check everything, so no reason is left for a later stage to find.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Struct

from ingest_gateway.batch import DecodedBatch, decode_exactly, verdict_of
from ingest_gateway.packed import json_of_packed
from ingest_gateway.proof import Proof
from schemas.envelope import LogEvent, RejectedEvent
from schemas.limits import Limits
from schemas.reasons import RejectReason
from schemas.wire import Batch, Hello, HttpBatch, Instant, Ping, WireEvent


class _BatchHead(Struct, tag="batch", tag_field="type"):
    """:class:`schemas.wire.Batch` with its events not looked at."""

    id: str
    events: list[Any]
    sent_at: Instant | None = None


class _BodyHead(Struct):
    """:class:`schemas.wire.HttpBatch` with its events not looked at."""

    events: list[Any]
    sent_at: Instant | None = None
    id: str | None = None


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class NativeDecoder:
    """Decodes frames and bodies of wire protocol v1. Pure but for ``new_id``.

    Args:
        limits: what one client may send at once.
        new_id: makes the id of an event that came without one: a UUIDv7 as text.
    """

    def __init__(self, limits: Limits, new_id: Callable[[], str]) -> None:
        self._limits = limits
        self._new_id = new_id
        self._frames = msgspec.json.Decoder(Hello | Batch | Ping)
        self._bodies = msgspec.json.Decoder(HttpBatch)
        self._proof = Proof(limits)

    def decode_frame(self, data: bytes, *, packed: bool = False) -> Hello | Ping | DecodedBatch:
        """Decode one WebSocket frame, JSON or (``packed``) MessagePack.

        Raises:
            FrameError: the frame cannot be read as a whole.
        """
        if packed:
            text, rejected = json_of_packed(data)
            decoded = self.decode_frame(text)
            return _with_rejected(decoded, rejected) if isinstance(decoded, DecodedBatch) else decoded
        try:
            frame: Hello | Batch | Ping = self._frames.decode(data)
        except _UNREADABLE:
            return self.decode_frame_exactly(data)
        if not isinstance(frame, Batch):
            return frame
        times = 0 if frame.sent_at is None else 1
        if not self._proof.holds(data, frame.events, 3 + times, times):
            return self.decode_frame_exactly(data)
        return DecodedBatch(frame.id, frame.sent_at, self._log_events(frame.events))

    def decode_frame_exactly(self, data: bytes) -> Hello | Ping | DecodedBatch:
        """Decode one JSON frame the exact path. Raises as :meth:`decode_frame`."""
        frame: Hello | Ping | DecodedBatch = decode_exactly(
            data, Hello | _BatchHead | Ping, self._limits, self._new_id
        )
        return frame

    def decode_body(self, data: bytes, *, packed: bool = False) -> DecodedBatch:
        """Decode the body of ``POST /v1/batch``.

        Raises:
            FrameError: the body cannot be read as a whole.
        """
        if packed:
            text, rejected = json_of_packed(data)
            return _with_rejected(self.decode_body(text), rejected)
        try:
            body = self._bodies.decode(data)
        except _UNREADABLE:
            return self.decode_body_exactly(data)
        times = 0 if body.sent_at is None else 1
        if not self._proof.holds(data, body.events, 1 + times + (body.id is not None), times):
            return self.decode_body_exactly(data)
        return DecodedBatch(body.id, body.sent_at, self._log_events(body.events))

    def decode_body_exactly(self, data: bytes) -> DecodedBatch:
        """Decode an HTTP body the exact path. Raises as :meth:`decode_body`."""
        batch: DecodedBatch = decode_exactly(data, _BodyHead, self._limits, self._new_id)
        return batch

    def _log_events(self, events: list[WireEvent]) -> list[LogEvent]:
        return [
            LogEvent(
                event.event_id or self._new_id(),
                event.event,
                event.distinct_id,
                event.timestamp,
                event.session_id,
                event.properties,
            )
            for event in events
        ]


def _with_rejected(batch: DecodedBatch, rejected: dict[int, RejectedEvent]) -> DecodedBatch:
    """Put the verdicts of the MessagePack decoder in the place of those for its stand-ins."""
    if not rejected:
        return batch
    kept = [
        # Beyond the limit of a batch, that is the reason.
        old if old.reason is RejectReason.BATCH_TOO_LARGE else rejected.get(verdict.index, old)
        for verdict, old in zip(batch.verdicts, batch.rejected, strict=True)
    ]
    verdicts = [verdict_of(old.index, new) for old, new in zip(batch.verdicts, kept, strict=True)]
    return replace(batch, verdicts=verdicts, rejected=kept)
