"""The flow without any service: events go in, time passes, rows come out."""

from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.testing import FlowTest, event

flow = load_flow(Path(__file__).with_name("starter.py"))


def test_events_are_counted_by_minute() -> None:
    """Also those that come late; and whatever crashes, the rows are the same."""
    test = FlowTest(flow)
    test.feed(
        event("viewed", distinct_id="ann", at="12:00:10"),
        event("viewed", distinct_id="ben", at="12:00:50"),
        event("bought", distinct_id="ann", at="12:01:05", amount=5),
        event("$internal", distinct_id="ann", at="12:01:06"),
    )
    test.advance_to("13:00")
    test.feed(event("viewed", distinct_id="eve", at="12:00:59"))

    by_minute = test.totals("table", "events", by=["window_start", "event"])
    assert {(f"{start:%H:%M}", name): events for (start, name), events in by_minute.items()} == {
        ("12:00", "viewed"): 3,
        ("12:01", "bought"): 1,
    }
    test.assert_crash_safe()
