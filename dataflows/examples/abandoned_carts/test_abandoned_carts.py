"""Abandoned carts."""

from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.testing import FlowTest, event

flow = load_flow(Path(__file__).with_name("abandoned_carts.py"))


def test_a_cart_is_left_when_half_an_hour_brings_no_purchase() -> None:
    """Ann left hers; Ben bought his, at last."""
    test = FlowTest(flow)
    test.feed(
        event("added_to_cart", distinct_id="ann", at="12:00", price=20),
        event("added_to_cart", distinct_id="ben", at="12:00", price=5),
        event("product_viewed", distinct_id="ann", at="12:20"),
    )
    test.feed(event("added_to_cart", distinct_id="ann", at="12:10", price=2.5))
    test.feed(event("purchase", distinct_id="ben", at="12:25", amount=5))
    assert test.rows("table") == []
    test.advance_to("13:00")

    (left,) = test.rows("table")
    assert (left["distinct_id"], f"{left['left_at']:%H:%M}") == ("ann", "12:10")
    assert (left["items"], left["worth"]) == (2, 22.5)
    test.assert_crash_safe()
