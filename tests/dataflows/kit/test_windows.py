"""Windows: the numbers of brute force, whenever events come and whatever is killed."""

from datetime import timedelta

from dataflows.kit import (
    ClickHouseTable,
    Events,
    Flow,
    LogSource,
    PostgresTable,
    closed_windows,
    count,
    filter_events,
    prop,
    sum_of,
    tumbling_windows,
    window_partials,
    write,
)
from dataflows.kit.testing import FlowTest, event

MINUTE = timedelta(minutes=1)


def revenue_flow() -> Flow:
    """Revenue by minute and currency, into three kinds of tables."""
    flow = Flow("revenue", source=LogSource())

    @flow.steps
    def steps(events: Events) -> None:
        purchases = filter_events("purchases", events, names={"purchase"})
        by = {"currency": prop("currency", default="?")}
        values = {"orders": count(), "revenue": sum_of(prop("amount"))}
        minutes = tumbling_windows("minutes", purchases, length=MINUTE, by=by, values=values)
        write("table", minutes, ClickHouseTable("revenue"))
        write("closed", closed_windows("done", minutes), PostgresTable("closed", mode="insert"))
        partials = window_partials("partials", purchases, length=MINUTE, by=by, values=values)
        key = ("project_id", "currency", "window_start")
        write("added", partials, PostgresTable("added", key, "add"))

    return flow


def test_crashes_change_nothing() -> None:
    """With late events and repeats, too."""
    test = FlowTest(revenue_flow())
    for minute in range(4):
        for user in ("ann", "bob", "cid"):
            test.feed(
                event("purchase", distinct_id=user, at=f"12:0{minute}:10", amount=minute, currency="EUR"),
                event("look", distinct_id=user, at=f"12:0{minute}:11"),
            )
    test.advance_to("12:10")
    late = event("purchase", distinct_id="ann", at="12:00:30", amount=100, currency="EUR")
    test.feed(late)
    test.feed(late)
    test.advance_to("12:20")
    sums = {
        start.minute: total for (start,), total in test.totals("table", "revenue", ["window_start"]).items()
    }
    assert sums == {0: 100, 1: 3, 2: 6, 3: 9}
    for step in ("closed", "added"):
        assert test.totals(step, "revenue", ["window_start"]) == test.totals(
            "table", "revenue", ["window_start"]
        )
    assert test.assert_crash_safe() > 30
