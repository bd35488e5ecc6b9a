"""Events by minute: how many, and by how many people. Change it into what you want to know."""

from datetime import timedelta

from dataflows.kit import (
    ClickHouseTable,
    Events,
    Flow,
    LogSource,
    count,
    distinct_of,
    filter_events,
    tumbling_windows,
    write,
)

flow = Flow(
    "starter",  # also the name of this file
    # Where it begins when it runs for the first time: "beginning" or "end" of the event log, or a time. With
    # BackfillSource() it takes all raw events from PostgreSQL first, which keeps them longer than the log does.
    source=LogSource(start="beginning"),
    # SQL files that make its tables: NNNN_words.clickhouse.sql or .postgres.sql, applied once each, in order.
    migrations="tables",
    # Raise it when you change steps so that what they remember does not fit any more: the flow starts anew.
    version=1,
    description="Events by minute",
)


@flow.steps
def steps(events: Events) -> None:
    """Wire the steps. Each has a name of its own, which must stay: what it remembers goes by it."""
    # Which events: by name (names={"purchase"}), or by whatever an event says.
    wanted = filter_events("wanted", events, where=lambda event: not event.name.startswith("$"))

    minutes = tumbling_windows(
        "minutes",
        wanted,
        length=timedelta(minutes=1),
        # Counted for each project (always) and each value of these columns. A property is prop("plan").
        by={"event": "event"},
        # What is counted. There are sum_of, mean_of, min_of, max_of and top_of, too.
        values={"events": count(), "people": distinct_of("distinct_id")},
    )

    # Windows are written as they grow, within about a second. An event that comes late still counts.
    write("table", minutes, ClickHouseTable("starter"))
