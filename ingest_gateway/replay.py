"""Judges an event again that was refused once: after a fix, or with other limits, it may pass."""

from functools import partial
from uuid import NAMESPACE_URL, uuid5

from ingest_gateway import first_sdk
from ingest_gateway.exact import judge_event
from schemas.envelope import LogEvent, RejectedEvent
from schemas.limits import Limits


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
    translate = partial(first_sdk.to_native, project_id) if source == first_sdk.SOURCE else None
    return judge_event(
        payload.decode("utf-8", "surrogateescape"),
        limits,
        lambda: str(uuid5(NAMESPACE_URL, f"smolhog:rejected:{place}")),
        translate,
    )
