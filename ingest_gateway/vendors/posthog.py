"""PostHog's capture protocol, version 0: ``/batch/``, ``/e/`` and their older names.

The decoding follows what PostHog's SDKs send rather than what they should: the key may stand in the
envelope, in the event or in its properties; a body may be plain, gzip, base64 or lz-string, with or without
anything that says so; ``offset`` may stand in for ``timestamp``.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ingest_gateway.vendors.forms import open_form
from ingest_gateway.vendors.opened import (
    Native,
    Opened,
    Stored,
    VendorAnswer,
    VendorRequest,
    id_text,
    object_of,
    secrets_of,
    session_text,
)
from ingest_gateway.vendors.reading import Reading, read_events
from ingest_gateway.vendors.times import parse_instant, parse_number_text
from schemas.properties import Rejection
from schemas.reasons import RejectReason

SOURCE = "http.posthog"
SPECIAL = ("$set", "$set_once")

_EARLIEST_SENT_AT = 2020
"""``sent_at`` of this year or before comes from a clock that was never set."""
_LONGEST_OFFSET = timedelta(days=3650)


def open_posthog(request: VendorRequest) -> Opened:
    """Take a request apart.

    Raises:
        UnknownKeyError: it has no key that is known.
        FrameError: it cannot be read as a whole.
        BodyError: it is too large once decompressed.
    """
    data, fields = open_form(
        request.body, request.query, request.headers.get("content-type", ""), request.limit
    )
    request.check_key(data)
    return opened_posthog(read_events(data, "batch"), fields, request)


def opened_posthog(reading: Reading, fields: dict[str, str], request: VendorRequest) -> Opened:
    """Say what a request that was read means; ``fields`` are those of query and form."""
    sent_at = _sent_at(reading, fields)
    return Opened(
        source=SOURCE,
        items=reading.items,
        translate=partial(_translate, sent_at, request.now),
        answer=partial(answer_posthog, is_beacon=request.query.get("beacon") == "1"),
        secrets=tokens_of(reading),
        sent_at=sent_at,
    )


def tokens_of(reading: Reading) -> frozenset[str]:
    """Collect the tokens that a request names, in its envelope and in its events."""
    found = [reading.head.get(name) for name in ("api_key", "token", "$token")]
    for item in reading.items:
        event = item.value
        if not isinstance(event, Rejection):
            properties = object_of(event.get("properties"))
            found += (event.get("token"), event.get("$token"), event.get("api_key"), properties.get("token"))
    return secrets_of(*found)


def answer_posthog(stored: Stored, *, is_beacon: bool) -> VendorAnswer:
    """Answer as the SDKs want it: exactly 200 with JSON, but 204 to a beacon."""
    if stored.results and not stored.accepted:
        first = stored.results[0]
        return VendorAnswer(400, refusal_posthog(first.code, first.message))
    return VendorAnswer(204, None) if is_beacon else VendorAnswer(200, {"status": 1})


def refusal_posthog(code: str, message: str) -> dict[str, Any]:
    """Write the body of an answer that refuses a request."""
    return {"type": "validation_error", "code": code, "detail": message, "attr": None}


def _sent_at(reading: Reading, fields: dict[str, str]) -> datetime | None:
    said = parse_instant(reading.head.get("sent_at"))
    if said is None:
        said = parse_number_text(fields.get("sent_at")) or parse_number_text(fields.get("_"))
    return said if said is not None and said.year > _EARLIEST_SENT_AT else None


def _translate(
    sent_at: datetime | None, now: datetime, _index: int, event: dict[str, Any]
) -> Native | Rejection:
    return to_native(event, sent_at, now)


def to_native(event: dict[str, Any], sent_at: datetime | None, now: datetime | None) -> Native | Rejection:
    """Turn one event into ours.

    Args:
        event: as it came.
        sent_at: when the request was sent, by its own clock.
        now: when it arrived, where that is known.
    """
    said = event.get("properties")
    if said is not None and not isinstance(said, dict):
        return Rejection(RejectReason.INVALID_FIELD, "properties must be an object")
    properties = dict(said or {})
    name = event.get("event")
    if name is None and "$distinct_id" in event:
        name = "$identify"  # What `/engage` takes.
    distinct_id = _distinct_id(event, properties)
    if distinct_id is None:
        return Rejection(RejectReason.INVALID_FIELD, "distinct_id is missing")
    properties.pop("token", None)
    properties.pop("distinct_id", None)
    for special in SPECIAL:
        if isinstance(event.get(special), dict):
            properties[special] = object_of(properties.get(special)) | event[special]
    if isinstance(event.get("$unset"), list):
        properties.setdefault("$unset", event["$unset"])
    if isinstance(event.get("library"), str):
        properties.setdefault("$lib", event["library"])
    is_corrected = sent_at is not None and properties.get("$ignore_sent_at") is not True
    return Native(
        event=name,
        distinct_id=distinct_id,
        properties=properties,
        timestamp=_timestamp(event, sent_at if is_corrected else None, now),
        event_id=id_text(event.get("uuid")),
        session_id=session_text(properties.get("$session_id")),
        is_corrected=is_corrected,
    )


def _distinct_id(event: dict[str, Any], properties: dict[str, Any]) -> str | None:
    for values in (event, properties):
        for name in ("distinct_id", "$distinct_id"):
            found = id_text(values.get(name))
            if found is not None:
                return found
    return None


def _timestamp(event: dict[str, Any], sent_at: datetime | None, now: datetime | None) -> datetime | None:
    """Return the event's time by the client's clock; one that cannot be read is none, as PostHog has it."""
    offset = event.get("offset")
    if isinstance(offset, int | float) and not isinstance(offset, bool):
        # So long before it was sent. The dataflow's correction makes of it: so long before it arrived.
        sent = sent_at or now
        try:
            ago = timedelta(milliseconds=offset)
        except (OverflowError, ValueError):
            return None
        return None if sent is None or abs(ago) > _LONGEST_OFFSET else sent - ago
    return parse_instant(event.get("timestamp"))
