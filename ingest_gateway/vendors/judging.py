"""Judges a vendor's events as native ones are judged, and puts them into batches for the log."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from uuid import NAMESPACE_URL, uuid5

import msgspec
from msgspec import Raw
from pydantic import ValidationError

from ingest_gateway.batch import DecodedBatch, verdict_of
from ingest_gateway.exact import refuse
from ingest_gateway.vendors.opened import Native, Opened
from ingest_gateway.vendors.reading import Item
from ingest_gateway.vendors.sound import encode_sound, has_sound_fields
from schemas.envelope import LogEvent, RejectedEvent
from schemas.event import Event, rejection_of
from schemas.limits import Limits
from schemas.properties import Rejection, check_properties, encode_properties
from schemas.reasons import RejectReason

HIDDEN_KEY = "sh_w_hidden"
"""Stands where a write key stood in what is kept of a request."""
_PART_EVENTS = 500
_IDS = uuid5(NAMESPACE_URL, "smolhog:vendors:event-id")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive events of a request that the log takes under one header."""

    first: int
    """Index of its first event in the request."""
    batch: DecodedBatch


def judge_request(
    opened: Opened, project_id: int, limits: Limits, new_id: Callable[[], str], secret: str
) -> list[Part]:
    """Judge every event of a request.

    Args:
        opened: the request.
        project_id: whose it is.
        limits: of an event; how many a request may have, its vendor says.
        new_id: makes the id of an event that came without one.
        secret: the write key, which is kept nowhere.
    """
    judged = (
        _judge_item(opened, index, item, project_id, limits, new_id, secret)
        for index, item in enumerate(opened.items)
    )
    return list(_parts(judged))


def _judge_item(
    opened: Opened,
    index: int,
    item: Item,
    project_id: int,
    limits: Limits,
    new_id: Callable[[], str],
    secret: str,
) -> tuple[LogEvent | RejectedEvent, datetime | None]:
    native = item.value if isinstance(item.value, Rejection) else opened.translate(index, item.value)
    if isinstance(native, Rejection):
        return refuse(item.text.replace(secret, HIDDEN_KEY), native), opened.sent_at
    judged = judge_native(native, opened.source, project_id, limits, new_id)
    if isinstance(judged, Rejection):
        event_id = (
            None if native.event_id is None else event_id_of(opened.source, project_id, native.event_id)
        )
        return refuse(item.text.replace(secret, HIDDEN_KEY), judged, event_id), opened.sent_at
    return judged, opened.sent_at if native.is_corrected else None


def judge_native(
    native: Native, source: str, project_id: int, limits: Limits, new_id: Callable[[], str]
) -> LogEvent | Rejection:
    """Judge one translated event by the rules for native ones."""
    event = native if has_sound_fields(native) else _checked(native)
    if isinstance(event, Rejection):
        return event
    properties = encode_sound(native.properties, limits)
    if properties is None:
        found = check_properties(native.properties, limits)
        if found is not None:
            return found
        properties = _encode(native)
    if len(properties) > limits.event_bytes:
        return Rejection(
            RejectReason.EVENT_TOO_LARGE,
            f"properties take {len(properties)} bytes; at most {limits.event_bytes} are allowed",
        )
    return LogEvent(
        new_id() if native.event_id is None else event_id_of(source, project_id, native.event_id),
        event.event,
        event.distinct_id,
        event.timestamp,
        event.session_id,
        Raw(properties),
    )


def _checked(native: Native) -> Event | Rejection:
    """Check name, ids and time one by one."""
    fields = {"event": native.event, "distinct_id": native.distinct_id, "session_id": native.session_id}
    if native.timestamp is not None:
        fields["timestamp"] = native.timestamp.isoformat()
    try:
        return Event.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        return rejection_of(error)


def event_id_of(source: str, project_id: int, event_id: str) -> str:
    """Return the UUID by which retries of an event are recognised: the same for the same id."""
    if _UUID.fullmatch(event_id) is not None:
        return event_id.lower()
    return str(uuid5(_IDS, f"{source}/{project_id}/{event_id}"))


def _encode(native: Native) -> bytes:
    try:
        return encode_properties(native.properties)
    except (OverflowError, msgspec.EncodeError):
        # An integer of more than 64 bits, which a 64-bit float still holds.
        return json.dumps(native.properties, ensure_ascii=False, separators=(",", ":")).encode()


def _parts(judged: Iterator[tuple[LogEvent | RejectedEvent, datetime | None]]) -> Iterator[Part]:
    first = 0
    for sent_at, group in groupby(judged, key=lambda pair: pair[1]):
        while taken := [event for event, _ in islice(group, _PART_EVENTS)]:
            batch = DecodedBatch(None, sent_at, [])
            for index, event in enumerate(taken):
                if isinstance(event, LogEvent):
                    batch.events.append(event)
                else:
                    batch.rejected.append(event)
                    batch.verdicts.append(verdict_of(index, event))
            yield Part(first, batch)
            first += len(taken)
