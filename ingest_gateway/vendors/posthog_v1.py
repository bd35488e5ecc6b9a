"""PostHog's capture protocol, version 1: ``POST /i/v1/analytics/events``, with a verdict for each event."""

from datetime import datetime
from functools import partial
from typing import Any

from ingest_gateway.vendors import posthog
from ingest_gateway.vendors.opened import (
    Native,
    Opened,
    Stored,
    VendorAnswer,
    VendorRequest,
    id_text,
    object_of,
)
from ingest_gateway.vendors.reading import Item, read_events
from ingest_gateway.vendors.times import parse_instant
from schemas.properties import Rejection
from schemas.wire import Verdict

SOURCE = "http.posthog_v1"

_OPTIONS = {
    "disable_skew_correction": "$ignore_sent_at",
    "cookieless_mode": "$cookieless_mode",
    "process_person_profile": "$process_person_profile",
    "product_tour_id": "$product_tour_id",
}
"""Options of an event, and the properties that they are in version 0."""


def open_posthog_v1(request: VendorRequest) -> Opened:
    """Take a request apart; its key stands in the header.

    Raises:
        FrameError: it cannot be read as a whole.
    """
    reading = read_events(request.body, "batch")
    sent_at = parse_instant(request.headers.get("posthog-request-timestamp"))
    sdk = request.headers.get("posthog-sdk-info", "")[:200]
    return Opened(
        source=SOURCE,
        items=reading.items,
        translate=partial(_translate, sdk, sent_at, request.now),
        answer=partial(_answer, reading.items),
        secrets=frozenset(),
        sent_at=sent_at,
        answers_retries=True,
    )


def _translate(
    sdk: str, sent_at: datetime | None, now: datetime, _index: int, event: dict[str, Any]
) -> Native | Rejection:
    return to_native(event, sdk, sent_at, now)


def to_native(
    event: dict[str, Any], sdk: str = "", sent_at: datetime | None = None, now: datetime | None = None
) -> Native | Rejection:
    """Turn one event into ours: into one of version 0 first.

    Args:
        event: as it came.
        sdk: name and version of the SDK.
        sent_at: when the request was sent, by its own clock.
        now: when it arrived, where that is known.
    """
    properties = event.get("properties")
    if not isinstance(properties, dict | None):
        return posthog.to_native(event, sent_at, now)
    options = object_of(event.get("options"))
    put = {name: options[option] for option, name in _OPTIONS.items() if option in options}
    put |= {f"${name}": event[name] for name in ("session_id", "window_id") if name in event}
    library, _, version = sdk.partition("/")
    if library:
        put |= {"$lib": library} | ({"$lib_version": version} if version else {})
    return posthog.to_native(event | {"properties": {**(properties or {}), **put}}, sent_at, now)


def _answer(items: list[Item], stored: Stored) -> VendorAnswer:
    others = {verdict.index: verdict for verdict in stored.results}
    results = {
        uuid: _result(others.get(index))
        for index, item in enumerate(items)
        if not isinstance(item.value, Rejection) and (uuid := id_text(item.value.get("uuid"))) is not None
    }
    return VendorAnswer(200, {"results": results})


def _result(verdict: Verdict | None) -> dict[str, str]:
    if verdict is None:
        return {"result": "ok"}
    if verdict.result == "retry":
        return {"result": "retry", "details": verdict.message}
    return {"result": "drop", "details": f"{verdict.code}: {verdict.message}"}
