"""The vendors' wire cases of `schemas/cases/vendors/`, sent to the gateway's application."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from ingest_gateway.app import create_app
from schemas.envelope import decode_message
from schemas.limits import Limits
from tests.ingest_gateway.running import HeldLog, Ring
from tests.ingest_gateway.wire_cases import vendor_body, vendor_cases

CASES = {
    f"{vendor}: {case['name']}": case
    for vendor in ("posthog", "segment", "mixpanel", "first_sdk")
    for case in vendor_cases(vendor)
}
NOW = datetime(2026, 1, 31, 12, 0, 10, tzinfo=UTC)
"""By the gateway's clock."""
MIB = 1024 * 1024


@pytest.mark.parametrize("name", CASES)
async def test_case(name: str) -> None:
    """The request gets the answer that its SDK expects, and becomes the canonical events that the case says."""
    case = CASES[name]
    body = vendor_body(case)
    log = HeldLog()
    log.gate.set()
    app = create_app(
        log=log, keys=Ring(), limits=Limits(), cors_origins=("*",), buffer_bytes=MIB, now=lambda: NOW
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.request(case["method"], case["path"], headers=case["headers"], content=body)
    assert answer.status_code == case["status"], answer.text
    if "answer" in case:
        assert answer.json() == case["answer"]
    batches = [batch for _, message in log.stored for batch in decode_message(message).batches]
    found = [
        {
            "event_id": event.event_id,
            "event": event.event,
            "distinct_id": event.distinct_id,
            "timestamp": None if event.timestamp is None else event.timestamp.astimezone(UTC),
            "session_id": event.session_id,
            "properties": msgspec.json.decode(event.properties),
            "sent_at": batch.sent_at,
        }
        for batch in batches
        for event in batch.events
    ]
    for stored, expected in zip(sorted(found, key=_order), sorted(case["events"], key=_order), strict=True):
        assert stored == _expected(expected, stored["event_id"])
    rejected = [event for batch in batches for event in batch.rejected]
    assert sorted(event.reason.value for event in rejected) == sorted(case["rejected"])
    assert all(b"sh_w_aaaa" not in event.payload for event in rejected)


def _order(event: dict[str, Any]) -> str:
    return json.dumps([event["event"], event["distinct_id"], event["properties"]], sort_keys=True)


def _expected(event: dict[str, Any], event_id: str) -> dict[str, Any]:
    times = {
        name: None if event[name] is None else datetime.fromisoformat(event[name])
        for name in ("timestamp", "sent_at")
    }
    # An id that is none in the case is made by the gateway.
    return event | times | ({"event_id": event_id} if event["event_id"] is None else {})
