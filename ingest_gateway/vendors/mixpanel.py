"""Mixpanel's ingestion API: ``/track``, ``/import``, ``/engage`` and ``/groups``."""

from collections import Counter
from functools import partial
from typing import Any

from ingest_gateway.vendors.forms import open_form
from ingest_gateway.vendors.mixpanel_profiles import group_to_native, person_to_native
from ingest_gateway.vendors.opened import (
    Native,
    Opened,
    Stored,
    Translate,
    VendorAnswer,
    VendorRequest,
    id_text,
    object_of,
    secrets_of,
    session_text,
)
from ingest_gateway.vendors.posthog import opened_posthog
from ingest_gateway.vendors.reading import Item, Reading, read_events
from ingest_gateway.vendors.times import parse_instant, parse_number_text
from schemas.properties import Rejection
from schemas.reasons import RejectReason
from schemas.wire import Verdict

SOURCE = "http.mixpanel"

_PAGE_VIEWS = frozenset({"$mp_web_page_view", "mp_page_view"})
_RENAMED = {
    "mp_lib": "$lib",
    "ip": "$ip",
    "current_url_path": "$pathname",
    "current_domain": "$host",
    "current_page_title": "$title",
}
"""Properties that our own SDKs name otherwise; most have one name everywhere."""
_FIELDS = {
    RejectReason.INVALID_TIMESTAMP.value: "properties.time",
    RejectReason.TIMESTAMP_OUT_OF_RANGE.value: "properties.time",
}


def open_mixpanel(request: VendorRequest) -> Opened:
    """Take a request apart; its key stands in the header or in the events.

    ``/track`` and ``/engage`` are old addresses of PostHog's too; such a request is opened as PostHog's.

    Raises:
        UnknownKeyError: it has no key that is known.
        FrameError: it cannot be read as a whole.
        BodyError: it is too large once decompressed.
    """
    data, fields = open_form(
        request.body, request.query, request.headers.get("content-type", ""), request.limit
    )
    request.check_key(data)
    reading = read_events(data, "batch", lines=True)
    if _is_posthogs(reading):
        return opened_posthog(reading, fields, request)
    is_strict = request.path == "/import" and fields.get("strict", "1" if _is_bare(fields) else "0") == "1"
    return Opened(
        source=SOURCE,
        items=reading.items,
        translate=_translation(reading),
        answer=partial(_answer_import, reading.items) if is_strict else partial(_answer, fields),
        secrets=_tokens_of(reading),
        sent_at=None if request.path == "/import" else parse_number_text(fields.get("_")),
    )


def _is_bare(fields: dict[str, str]) -> bool:
    # SDKs that know the older answer say how they want it.
    return "verbose" not in fields and "ip" not in fields


def _is_posthogs(reading: Reading) -> bool:
    if "api_key" in reading.head or (reading.is_batch and reading.head):
        return True
    first = reading.items[0].value if reading.items else {}
    return isinstance(first, dict) and not first.keys().isdisjoint(
        {"uuid", "distinct_id", "token", "api_key"}
    )


def _tokens_of(reading: Reading) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for item in reading.items:
        if not isinstance(item.value, Rejection):
            properties = object_of(item.value.get("properties"))
            found |= secrets_of(item.value.get("$token"), properties.get("token"))
    return found


def _answer(fields: dict[str, str], stored: Stored) -> VendorAnswer:
    """Answer ``1`` or ``0``, or the same in JSON where that was asked for."""
    failed = bool(stored.results) and not stored.accepted
    if fields.get("verbose") != "1":
        return VendorAnswer(400 if failed else 200, 0 if failed else 1)
    if failed:
        first = stored.results[0]
        return VendorAnswer(400, refusal_mixpanel(first.code, first.message))
    return VendorAnswer(200, {"status": 1, "error": None})


def _answer_import(items: list[Item], stored: Stored) -> VendorAnswer:
    if not stored.results:
        return VendorAnswer(200, {"code": 200, "status": "OK", "num_records_imported": stored.accepted})
    return VendorAnswer(
        400,
        {
            "code": 400,
            "status": "Bad Request",
            "error": "some data points in the request failed validation",
            "num_records_imported": stored.accepted,
            "failed_records": [_failed_record(items[verdict.index], verdict) for verdict in stored.results],
        },
    )


def _failed_record(item: Item, verdict: Verdict) -> dict[str, Any]:
    value = item.value if isinstance(item.value, dict) else {}
    return {
        "index": verdict.index,
        "$insert_id": id_text(object_of(value.get("properties")).get("$insert_id")) or "",
        "field": _FIELDS.get(verdict.code, "properties"),
        "message": verdict.message,
    }


def refusal_mixpanel(code: str, message: str) -> dict[str, Any]:
    """Write the body of an answer that refuses a request."""
    return {"status": 0, "code": code, "error": message}


def _translation(reading: Reading) -> Translate:
    repeats = _repeats(reading.items)

    def translate(index: int, value: dict[str, Any]) -> Native | Rejection:
        return to_native(value, reading.items[index].text, repeats[index])

    return translate


def to_native(value: dict[str, Any], text: str, repeat: int) -> Native | Rejection:
    """Turn an event, or an update of a person or a group, into an event of ours.

    Args:
        value: as it came.
        text: the same as text.
        repeat: how often the same text stood before it in its request.
    """
    if "event" in value:
        return event_to_native(value)
    if "$group_key" in value:
        return group_to_native(value, text, repeat)
    return person_to_native(value, text, repeat)


def _repeats(items: list[Item]) -> list[int]:
    """Count for each event how often the same text stood before it in the request."""
    seen: Counter[bytes] = Counter()
    found = []
    for item in items:
        found.append(seen[item.sent])
        seen[item.sent] += 1
    return found


def event_to_native(event: dict[str, Any]) -> Native | Rejection:
    """Turn one event of ``/track`` or ``/import`` into ours."""
    said = event.get("properties")
    if not isinstance(said, dict):
        return Rejection(RejectReason.INVALID_FIELD, "properties must be an object")
    properties = dict(said)
    properties.pop("token", None)
    name = event.get("event")
    if name == "$merge":
        return _merge(properties)
    distinct_id = _distinct_id(properties)
    if distinct_id is None:
        return Rejection(RejectReason.INVALID_FIELD, "properties.distinct_id is missing")
    when = properties.pop("time", None)
    timestamp = parse_instant(when)
    if when is not None and timestamp is None:
        return Rejection(
            RejectReason.INVALID_TIMESTAMP, "properties.time must be Unix seconds or milliseconds"
        )
    insert_id = id_text(properties.pop("$insert_id", None))
    for theirs, ours in _RENAMED.items():
        if theirs in properties and ours not in properties:
            properties[ours] = properties.pop(theirs)
    return Native(
        event="$pageview" if isinstance(name, str) and name in _PAGE_VIEWS else name,
        distinct_id=distinct_id,
        properties=properties,
        timestamp=timestamp,
        event_id=insert_id,
        session_id=session_text(properties.get("$session_id")),
    )


def _distinct_id(properties: dict[str, Any]) -> str | None:
    """Take the id; an event without one may have its parts."""
    found = id_text(properties.pop("distinct_id", None)) or id_text(properties.get("$user_id"))
    device = id_text(properties.get("$device_id"))
    return found or (None if device is None else f"$device:{device}"[:200])


def _merge(properties: dict[str, Any]) -> Native | Rejection:
    ids = properties.pop("$distinct_ids", None)
    if not isinstance(ids, list) or len(ids) != 2 or None in (pair := [id_text(one) for one in ids]):
        return Rejection(RejectReason.INVALID_FIELD, "properties.$distinct_ids must name two ids")
    when, insert_id = properties.pop("time", None), properties.pop("$insert_id", None)
    return Native(
        event="$merge_dangerously",
        distinct_id=pair[0],
        properties=properties | {"alias": pair[1]},
        timestamp=parse_instant(when),
        event_id=id_text(insert_id),
    )
