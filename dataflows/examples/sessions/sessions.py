"""Sessions with bounce and duration, of events that carry no session id."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dataflows.kit import (
    ClickHouseTable,
    Events,
    Flow,
    LogSource,
    Window,
    count,
    distinct_of,
    filter_events,
    map_rows,
    prop,
    session_windows,
    write,
)

flow = Flow(
    "sessions",
    source=LogSource(start="beginning"),
    migrations="tables",
    description="Sessions by gaps of half an hour",
)


@flow.steps
def steps(events: Events) -> None:
    """A session ends when its person does nothing for half an hour; it is written once, when it has ended."""
    untold = filter_events("untold", events, where=lambda event: event.session_id is None)
    found = session_windows(
        "found",
        untold,
        gap=timedelta(minutes=30),
        values={"events": count(), "pages": distinct_of(prop("$current_url"))},
    )
    write("table", map_rows("rows", found, _row), ClickHouseTable("found_sessions"))


def _row(session: Window) -> dict[str, Any]:
    return {
        "project_id": session.project_id,
        "distinct_id": session.by["distinct_id"],
        "started_at": datetime.fromtimestamp(session.start, UTC),
        "seconds": session.end - session.start,
        "events": session.values["events"],
        "pages": session.values["pages"],
        "bounced": session.values["pages"] <= 1,
    }
