"""A client batch with every event judged, and the exact way to get one from a frame."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from ingest_gateway.cut import cut_frame
from ingest_gateway.errors import FrameError
from ingest_gateway.exact import Translation, id_in_text, judge_event, read_json, refuse
from schemas.envelope import REJECTED_PAYLOAD_BYTES, LogEvent, RejectedEvent
from schemas.limits import Limits
from schemas.properties import Rejection, check_text
from schemas.reasons import RejectReason
from schemas.wire import Verdict
from smolhog.logs import redacted


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A batch with every event judged."""

    id: str | None
    sent_at: datetime | None
    events: list[LogEvent]
    """The good ones, in the batch's order."""
    verdicts: list[Verdict] = field(default_factory=list)
    """One for each event that is not good, in the batch's order."""
    rejected: list[RejectedEvent] = field(default_factory=list)
    """The same events, as the log keeps them."""


def decode_exactly(
    data: bytes,
    head_type: Any,
    limits: Limits,
    new_id: Callable[[], str],
    translate: Translation | None = None,
) -> Any:
    """Decode a frame or body the exact path.

    Args:
        data: the frame.
        head_type: struct of the frame, or a union of tagged ones; its events are never looked at.
        limits: of the protocol.
        new_id: makes the id of an event that came without one.
        translate: for another protocol than the native one.

    Returns:
        A :class:`DecodedBatch` if the head has ``events``, else the head.

    Raises:
        FrameError: the frame cannot be read as a whole.
    """
    cut = cut_frame(data.decode("utf-8", "surrogateescape"))
    head = _parse_head(cut.head, head_type)
    if not hasattr(head, "events"):
        return head
    # A protocol's head may lack these.
    batch = DecodedBatch(getattr(head, "id", None), getattr(head, "sent_at", None), [])
    for index, text in enumerate(cut.events or ()):
        if index < limits.batch_events:
            judged = judge_event(text, limits, new_id, translate)
        else:
            message = f"a batch may hold {limits.batch_events} events"
            judged = refuse(text, Rejection(RejectReason.BATCH_TOO_LARGE, message), id_in_text(text))
        if isinstance(judged, LogEvent):
            batch.events.append(judged)
        else:
            batch.rejected.append(judged)
            batch.verdicts.append(verdict_of(index, judged))
    return batch


def _parse_head(text: str, head_type: Any) -> Any:
    found = check_text(text)
    value = read_json(text) if found is None else found
    if isinstance(value, Rejection):
        raise FrameError(value.reason, f"the frame cannot be read: {value.message}")
    batch_id = value.get("id") if isinstance(value, dict) else None
    batch_id = batch_id if isinstance(batch_id, str) and check_text(batch_id) is None else None
    try:
        head = msgspec.convert(value, head_type)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        in_time = "$.sent_at" in str(error)
        reason = RejectReason.INVALID_TIMESTAMP if in_time else RejectReason.MALFORMED
        raise FrameError(
            reason, f"the frame is not of this protocol: {redacted(str(error))}", batch_id
        ) from error
    return head


def verdict_of(index: int, rejected: RejectedEvent) -> Verdict:
    """Tell the client what became of a rejected event."""
    return Verdict(index, "rejected", rejected.reason.value, rejected.message, rejected.event_id)


def kept_frame(data: bytes, error: FrameError) -> DecodedBatch:
    """Make a batch that only keeps a frame that could not be read, for people to look at."""
    kept = RejectedEvent(error.code, error.message, data[:REJECTED_PAYLOAD_BYTES])
    return DecodedBatch(error.batch_id, None, [], [], [kept])
