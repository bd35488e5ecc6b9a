"""Sessions by the gaps between events."""

from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.testing import FlowTest, event

flow = load_flow(Path(__file__).with_name("sessions.py"))


def test_half_an_hour_without_an_event_ends_a_session() -> None:
    """One with two pages, and one that bounced; what has a session id of its own is left to that."""
    test = FlowTest(flow)
    test.feed(
        event("$pageview", distinct_id="ann", at="12:00", properties={"$current_url": "/"}),
        event("$pageview", distinct_id="ben", at="12:01", properties={"$current_url": "/"}),
        event("clicked", distinct_id="ben", at="12:01:05"),
        event("$pageview", distinct_id="app", session_id="s1", at="12:02"),
    )
    test.feed(event("$pageview", distinct_id="ann", at="12:29", properties={"$current_url": "/prices"}))
    test.advance_to("12:59")
    assert [row["distinct_id"] for row in test.rows("table")] == ["ben"]
    test.advance_to("14:00")
    test.feed(event("$pageview", distinct_id="ann", at="14:00", properties={"$current_url": "/"}))
    test.advance_to("15:00")

    found = {(row["distinct_id"], f"{row['started_at']:%H:%M}"): row for row in test.rows("table")}
    assert set(found) == {("ann", "12:00"), ("ben", "12:01"), ("ann", "14:00")}
    first = found["ann", "12:00"]
    assert (first["seconds"], first["events"], first["pages"], first["bounced"]) == (29 * 60, 2, 2, False)
    assert (found["ben", "12:01"]["events"], found["ben", "12:01"]["bounced"]) == (2, True)
    test.assert_crash_safe()
