"""Rejected events of vendors' SDKs are judged again by their own protocol."""

import json
from typing import Any

import pytest

from ingest_gateway.replay import judge_again
from schemas.envelope import LogEvent, RejectedEvent
from schemas.limits import Limits

LONG = "x" * 300
EVENTS: dict[str, dict[str, Any]] = {
    "http.posthog": {"event": "e", "distinct_id": "ada", "uuid": "u-1", "properties": {"a": LONG}},
    "http.posthog_v1": {
        "event": "e",
        "distinct_id": "ada",
        "uuid": "u-1",
        "session_id": "s",
        "properties": {"a": LONG},
    },
    "http.segment": {
        "type": "track",
        "event": "e",
        "userId": "ada",
        "messageId": "u-1",
        "properties": {"a": LONG},
    },
    "http.mixpanel": {"event": "e", "properties": {"distinct_id": "ada", "$insert_id": "u-1", "a": LONG}},
}


def judged(source: str, payload: bytes, limits: Limits, place: str = "1-0-0") -> LogEvent | RejectedEvent:
    """Judge a payload again."""
    return judge_again(payload, source=source, project_id=7, place=place, limits=limits)


@pytest.mark.parametrize("source", EVENTS)
def test_what_was_too_large_passes_with_other_limits(source: str) -> None:
    """It becomes the same event that its SDK sent, under the same id."""
    payload = json.dumps(EVENTS[source]).encode()
    refused = judged(source, payload, Limits(event_bytes=200))
    assert isinstance(refused, RejectedEvent)
    assert refused.reason == "event_too_large"
    first, second = (judged(source, payload, Limits(), place) for place in ("1-0-0", "1-0-1"))
    assert isinstance(first, LogEvent)
    assert isinstance(second, LogEvent)
    assert (first.event, first.distinct_id) == ("e", "ada")
    assert first.event_id == second.event_id
    assert json.loads(bytes(first.properties))["a"] == LONG


@pytest.mark.parametrize("source", EVENTS)
def test_what_is_no_event_stays_refused(source: str) -> None:
    """Neither JSON nor a half of it becomes one."""
    for payload in (b"", b"{", b"[]", b"{}", b"\xff"):
        assert isinstance(judged(source, payload, Limits()), RejectedEvent)
