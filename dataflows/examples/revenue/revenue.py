"""Revenue by minute and currency, as it comes in."""

from datetime import timedelta

from dataflows.kit import (
    ClickHouseTable,
    Events,
    Flow,
    LogSource,
    count,
    filter_events,
    prop,
    sum_of,
    tumbling_windows,
    write,
)

flow = Flow(
    "revenue",
    source=LogSource(start="beginning"),
    migrations="tables",
    description="Orders and revenue by minute and currency",
)


@flow.steps
def steps(events: Events) -> None:
    """Purchases, by minute: windows are written as they grow."""
    purchases = filter_events("purchases", events, names={"purchase"})
    minutes = tumbling_windows(
        "minutes",
        purchases,
        length=timedelta(minutes=1),
        by={"currency": prop("currency", default="?")},
        values={"orders": count(), "revenue": sum_of(prop("amount"))},
    )
    write("table", minutes, ClickHouseTable("revenue_by_minute"))
