"""The wire cases that every SDK shares, as far as a page can track such events."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser

from tests.ingest_gateway.running import KEY, stored_in
from tests.ingest_gateway.wire_cases import WireCase, wire_cases
from tests.sdk.js.site import PATIENCE_MS, Site, visitor
from tests.vendors.running import vendor_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("js")]

_OF_BYTES = frozenset(
    {
        "duplicate_key",
        "malformed",
        "invalid_utf8",
        "invalid_event_id",
        "number_out_of_range",
        "batch_too_large",
    }
)
"""Reasons that lie in the bytes, in a batch or in an id, which are the SDK's own, or in no number of JavaScript's."""


@dataclass(frozen=True)
class _Tracked:
    """An event of a case: a page tracks it, and the gateway says this code, or stores that."""

    case: str
    event: Any
    code: str | None
    stored: dict[str, Any] | None


def _events_of(case: WireCase) -> list[_Tracked]:
    if case.error is not None:
        return []
    try:
        events = json.loads(case.frame)["events"]
    except (ValueError, RecursionError):
        return []
    codes = {verdict["index"]: verdict["code"] for verdict in case.verdicts}
    stored = iter(case.events)
    found = [
        _Tracked(case.name, event, codes.get(index), None if index in codes else next(stored))
        for index, event in enumerate(events)
    ]
    return [each for each in found if isinstance(each.event, dict) and each.code not in _OF_BYTES]


async def test_the_shared_cases_get_their_verdicts(browser: Browser, site: Site, tmp_path: Path) -> None:
    """What JavaScript can hold is judged as stated when a page tracks it, and stored as stated."""
    events = [each for case in wire_cases() for each in _events_of(case)]
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page = await somebody.blank()
        texts = [json.dumps(each.event) for each in events]
        held = await page.evaluate(
            "texts => texts.map((text) => JSON.stringify(JSON.parse(text)))",
            [text if "NaN" not in text and "Infinity" not in text else "null" for text in texts],
        )
        events = [
            each
            for each, same in zip(events, held, strict=True)
            if _typed(json.loads(same)) == _typed(each.event)
        ]
        assert len(events) > 80
        tracked, rejected = await page.evaluate(
            """async ([url, key, events, patience]) => {
                const rejected = {};
                let next;
                smolhog.init({url, key, pageViews: false, queueEvents: 10_000,
                    beforeSend: ({event_id}) => ({...next, event_id}),
                    onRejected: ({event_id, code}) => rejected[event_id] = code});
                const ids = events.map((event) => smolhog.track((next = event).event));
                if (!await smolhog.flush(patience)) throw new Error("not settled");
                return [ids, rejected];
            }""",
            [gateway.url, KEY, [each.event for each in events], PATIENCE_MS],
        )
    stored = {event.event_id: event for batch in await stored_in(tmp_path) for event in batch.events}
    for event_id, each in zip(tracked, events, strict=True):
        assert rejected.get(event_id) == each.code, each.case
        if each.stored is not None:
            found = stored.pop(event_id)
            fields = ("event", "distinct_id", "session_id")
            assert [getattr(found, name) for name in fields] == [each.stored[name] for name in fields]
            assert msgspec.json.decode(found.properties) == each.stored["properties"], each.case
    assert not stored


def _typed(value: Any) -> Any:
    """Make 1 and 1.0, which are equal in Python, as equal as they are in JavaScript, and True neither."""
    if isinstance(value, dict):
        return {name: _typed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_typed(each) for each in value]
    return (isinstance(value, bool), value)
