"""Funnel progress as a live stream."""

from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.testing import FlowTest, event

flow = load_flow(Path(__file__).with_name("funnel.py"))


def test_each_step_of_each_person_is_told_once() -> None:
    """However often it is done, and whatever else they do."""
    test = FlowTest(flow)
    test.feed(
        event("product_viewed", distinct_id="ann", at="12:00"),
        event("product_viewed", distinct_id="ann", at="12:01"),
        event("page_viewed", distinct_id="ann", at="12:02"),
        event("product_viewed", distinct_id="ben", at="12:03"),
    )
    test.feed(
        event("added_to_cart", distinct_id="ann", at="12:05"),
        event("product_viewed", distinct_id="ann", at="12:06"),
        event("purchase", distinct_id="ann", at="12:09"),
    )
    told = [(row["distinct_id"], row["properties"]["step"]) for row in test.rows("live")]
    assert sorted(told) == [("ann", 1), ("ann", 2), ("ann", 4), ("ben", 1)]
    kept = {(row["distinct_id"], row["step"]): f"{row['reached_at']:%H:%M}" for row in test.rows("table")}
    assert kept == {("ann", 1): "12:00", ("ben", 1): "12:03", ("ann", 2): "12:05", ("ann", 4): "12:09"}
    test.assert_crash_safe()
