"""Revenue by minute and currency."""

from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.testing import FlowTest, event

flow = load_flow(Path(__file__).with_name("revenue.py"))


def test_purchases_add_up_by_minute_and_currency() -> None:
    """Also one that arrives an hour late; what is no purchase, or has no number, adds nothing."""
    test = FlowTest(flow)
    test.feed(
        event("purchase", distinct_id="ann", at="12:00:10", amount=5, currency="EUR"),
        event("purchase", distinct_id="ben", at="12:00:40", amount=7.5, currency="EUR"),
        event("purchase", distinct_id="eve", at="12:01:00", amount=9, currency="USD"),
        event("refund", distinct_id="eve", at="12:01:01", amount=9, currency="USD"),
        event("purchase", distinct_id="dan", at="12:01:02", amount="ten"),
    )
    test.advance_to("13:00")
    test.feed(event("purchase", distinct_id="ann", at="12:00:59", amount=1, currency="EUR"))

    revenue = test.totals("table", "revenue", by=["window_start", "currency"])
    assert {(f"{start:%H:%M}", currency): total for (start, currency), total in revenue.items()} == {
        ("12:00", "EUR"): 13.5,
        ("12:01", "USD"): 9,
        ("12:01", "?"): 0,
    }
    assert test.totals("table", "orders", by=["currency"]) == {("EUR",): 3, ("USD",): 1, ("?",): 1}
    test.assert_crash_safe()
