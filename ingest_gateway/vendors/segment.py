"""Segment's tracking API: ``POST /v1/{identify,track,page,screen,group,alias,batch}``."""

from collections.abc import Callable
from functools import partial
from typing import Any

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
from ingest_gateway.vendors.segment_context import context_properties
from ingest_gateway.vendors.times import parse_instant
from schemas.properties import Rejection
from schemas.reasons import RejectReason

SOURCE = "http.segment"

CALLS = {
    "track": "track",
    "identify": "identify",
    "page": "page",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
    # What the browser's SDK calls them, since blockers know the long names.
    "t": "track",
    "i": "identify",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
}
"""Last part of an address, and the type of the event that is sent there."""

_PAGE = (("url", "$current_url"), ("path", "$pathname"), ("referrer", "$referrer"), ("title", "$title"))
"""Properties of a page view, and what they are here."""


def open_segment(request: VendorRequest) -> Opened:
    """Take a request apart; its key stands in the header or in the body.

    Raises:
        UnknownKeyError: it has no key that is known.
        FrameError: it cannot be read as a whole.
    """
    request.check_key(request.body)
    reading = read_events(request.body, "batch")
    call = None if reading.is_batch else CALLS.get(request.path.rpartition("/")[2])
    return Opened(
        source=SOURCE,
        items=reading.items,
        translate=partial(_translate, call, object_of(reading.head.get("context"))),
        answer=answer_segment,
        secrets=_keys_of(reading),
        sent_at=parse_instant(reading.head.get("sentAt")),
    )


def _keys_of(reading: Reading) -> frozenset[str]:
    found = secrets_of(reading.head.get("writeKey"))
    events = (item.value for item in reading.items if not isinstance(item.value, Rejection))
    return found.union(*(secrets_of(event.get("writeKey")) for event in events))


def answer_segment(stored: Stored) -> VendorAnswer:
    """Answer a request that is durable."""
    if stored.results and not stored.accepted:
        first = stored.results[0]
        return VendorAnswer(400, refusal_segment(first.code, first.message))
    return VendorAnswer(200, {"success": True})


def refusal_segment(code: str, message: str) -> dict[str, Any]:
    """Write the body of an answer that refuses a request."""
    return {"success": False, "code": code, "message": message}


def _translate(
    call: str | None, shared: dict[str, Any], _index: int, event: dict[str, Any]
) -> Native | Rejection:
    return to_native(event, call, shared)


def to_native(
    event: dict[str, Any], call: str | None = None, shared: dict[str, Any] | None = None
) -> Native | Rejection:
    """Turn one event into ours.

    Args:
        event: as it came.
        call: type of the event, where the address says it.
        shared: context of all events of the request.
    """
    kind = event.get("type") or call
    mean = _MEANINGS.get(kind) if isinstance(kind, str) else None
    if mean is None:
        return Rejection(RejectReason.INVALID_FIELD, f"type must be one of {', '.join(_MEANINGS)}")
    user, anonymous = id_text(event.get("userId")), id_text(event.get("anonymousId"))
    who = user or anonymous
    if who is None and kind != "alias":
        return Rejection(RejectReason.INVALID_FIELD, "userId and anonymousId are missing")
    for name in ("properties", "traits", "context"):
        if not isinstance(event.get(name), dict | None):
            return Rejection(RejectReason.INVALID_FIELD, f"{name} must be an object")
    when = None
    if (said := event.get("timestamp") or event.get("originalTimestamp")) is not None:
        when = parse_instant(said)
        if when is None:
            return Rejection(RejectReason.INVALID_TIMESTAMP, "timestamp must be RFC 3339")
    context = (shared or {}) | object_of(event.get("context"))
    native = mean(event, user, anonymous)
    if isinstance(native, Rejection):
        return native
    own = native.properties
    return native._replace(
        properties={**context_properties(context), **own},
        timestamp=when,
        event_id=id_text(event.get("messageId")),
        session_id=session_text(own.get("$session_id")) or session_text(id_text(context.get("sessionId"))),
    )


def _track(event: dict[str, Any], user: str | None, anonymous: str | None) -> Native | Rejection:
    if event.get("event") is None:
        return Rejection(RejectReason.INVALID_FIELD, "event is missing")
    return Native(event["event"], user or anonymous, object_of(event.get("properties")))


def _identify(event: dict[str, Any], user: str | None, anonymous: str | None) -> Native:
    traits = object_of(event.get("traits"))
    if user is None:
        # Nobody is known by another name yet.
        return Native("$set", anonymous, {"$set": traits})
    properties: dict[str, Any] = {"$set": traits}
    if anonymous is not None and anonymous != user:
        properties["$anon_distinct_id"] = anonymous
    return Native("$identify", user, properties)


def _view(
    canonical: str, title: str, event: dict[str, Any], user: str | None, anonymous: str | None
) -> Native:
    """Turn a page or a screen into ours; its names are those that our own SDKs use."""
    properties = dict(object_of(event.get("properties")))
    for name in ("name", "category"):
        if isinstance(event.get(name), str):
            properties.setdefault(name, event[name])
    for theirs, ours in _PAGE:
        if theirs in properties:
            properties.setdefault(ours, properties.pop(theirs))
    if "name" in properties:
        properties.setdefault(title, properties["name"])
    return Native(canonical, user or anonymous, properties)


def _group(event: dict[str, Any], user: str | None, anonymous: str | None) -> Native | Rejection:
    group = id_text(event.get("groupId"))
    if group is None:
        return Rejection(RejectReason.INVALID_FIELD, "groupId is missing")
    properties = {
        "$group_type": "group",
        "$group_key": group,
        "$group_set": object_of(event.get("traits")),
        "$groups": {"group": group},
    }
    return Native("$groupidentify", user or anonymous, properties)


def _alias(event: dict[str, Any], user: str | None, anonymous: str | None) -> Native | Rejection:
    previous = id_text(event.get("previousId")) or anonymous
    if user is None or previous is None:
        return Rejection(RejectReason.INVALID_FIELD, "alias needs userId and previousId")
    return Native("$create_alias", user, {"alias": previous})


_MEANINGS: dict[str, Callable[[dict[str, Any], str | None, str | None], Native | Rejection]] = {
    "track": _track,
    "identify": _identify,
    "page": partial(_view, "$pageview", "$title"),
    "screen": partial(_view, "$screen", "$screen_name"),
    "group": _group,
    "alias": _alias,
}
