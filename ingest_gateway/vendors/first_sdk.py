"""The protocol of SmolHog's first SDK: ``POST /events`` with the header ``smolhog-api-key``.

Its events differ from the native ones in their names, in ids that are no UUIDs
(``<ms>-<random>``) and in times that may lack a zone. It knows no verdict per event: the answer
counts what was taken, and what was not is kept as rejected.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from ingest_gateway.batch import DecodedBatch, decode_exactly
from schemas.limits import Limits
from schemas.properties import Rejection, check_text
from schemas.reasons import RejectReason

SOURCE = "http.first_sdk"

_EVENT_IDS = uuid5(NAMESPACE_URL, "smolhog:first-sdk:event-id")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_TIME_WITHOUT_ZONE = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d+)?)", re.ASCII)


class _Head(Struct):
    events: list[Any]


class FirstSdkAnswer(Struct):
    """What the SDK expects to read."""

    status: str
    events_received: int
    message: str


def decode_first_sdk(
    data: bytes, *, project_id: int, limits: Limits, new_id: Callable[[], str]
) -> DecodedBatch:
    """Decode the body of ``POST /events``.

    Args:
        data: the body, decompressed.
        project_id: ids of events are made unique within it.
        limits: of the protocol.
        new_id: makes the id of an event that came without one.

    Raises:
        FrameError: the body cannot be read as a whole.
    """
    batch: DecodedBatch = decode_exactly(data, _Head, limits, new_id, partial(to_native, project_id))
    return batch


def answer_of(batch: DecodedBatch) -> FirstSdkAnswer:
    """Answer a batch that is durable."""
    taken = len(batch.events)
    refused = len(batch.verdicts)
    message = f"{taken} events stored" if not refused else f"{taken} events stored, {refused} refused"
    return FirstSdkAnswer("success", taken, message)


def to_native(project_id: int, event: dict[str, Any]) -> dict[str, Any] | Rejection:
    """Turn one event of this protocol into the native shape."""
    for old, new in (("event_name", "event"), ("user_id", "distinct_id")):
        if event.get(old) is None:
            return Rejection(RejectReason.INVALID_FIELD, f"{old} is missing")
        event[new] = event[old]
    event_id = event.get("event_id")
    if isinstance(event_id, str):
        found = check_text(event_id)
        if found is not None:
            return found
        event["event_id"] = event_id_of(project_id, event_id)
    timestamp = event.get("timestamp")
    if isinstance(timestamp, str) and (match := _TIME_WITHOUT_ZONE.fullmatch(timestamp)) is not None:
        event["timestamp"] = f"{match[1]}T{match[2]}Z"
    if event.get("properties") is None:
        event["properties"] = {}
    return event


def event_id_of(project_id: int, event_id: str) -> str:
    """Return the UUID by which retries of an event are recognised: the same for the same id."""
    if _UUID.fullmatch(event_id) is not None:
        return str(UUID(event_id))
    return str(uuid5(_EVENT_IDS, f"{project_id}/{event_id}"))
