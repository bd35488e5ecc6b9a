"""Judges an event again that was refused once: after a fix, or with other limits, it may pass."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ingest_gateway.exact import judge_event, refuse
from ingest_gateway.vendors import first_sdk, mixpanel, posthog, posthog_v1, segment
from ingest_gateway.vendors.judging import judge_native
from ingest_gateway.vendors.opened import Native
from ingest_gateway.vendors.reading import parse_object
from schemas.envelope import LogEvent, RejectedEvent
from schemas.limits import Limits
from schemas.properties import Rejection

_MEANINGS: dict[str, Callable[[dict[str, Any], str], Native | Rejection]] = {
    posthog.SOURCE: lambda event, _text: posthog.to_native(event, None, None),
    posthog_v1.SOURCE: lambda event, _text: posthog_v1.to_native(event),
    segment.SOURCE: lambda event, _text: segment.to_native(event),
    mixpanel.SOURCE: lambda event, text: mixpanel.to_native(event, text, 0),
}
"""What an event means that came by a vendor's protocol, as far as it says so itself."""


def judge_again(
    payload: bytes, *, source: str | None, project_id: int, place: str, limits: Limits
) -> LogEvent | RejectedEvent:
    """Judge the payload of a rejected event.

    Args:
        payload: what came; the event as the log had it, where the dataflow refused it.
        source: the protocol that it came by.
        project_id: whose it is.
        place: its place in the log. An event that came without an id gets one made of it, so that it is
            stored once however often it is sent again.
        limits: of now.

    Returns:
        The event, or why it is still refused.
    """
    text = payload.decode("utf-8", "surrogateescape")
    event_id = str(uuid5(NAMESPACE_URL, f"smolhog:rejected:{place}"))
    meaning = _MEANINGS.get(source or "")
    if source is None or meaning is None:
        translate = partial(first_sdk.to_native, project_id) if source == first_sdk.SOURCE else None
        return judge_event(text, limits, lambda: event_id, translate)
    value = parse_object(text)
    native = value if isinstance(value, Rejection) else meaning(value, text)
    if not isinstance(native, Rejection):
        judged = judge_native(native, source, project_id, limits, lambda: event_id)
        if isinstance(judged, LogEvent):
            return judged
        native = judged
    return refuse(text, native)
