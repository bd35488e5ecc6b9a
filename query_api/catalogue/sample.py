"""Which events are looked at to learn what properties there are: few of the frequent ones, and all rare ones."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from query_api.catalogue.statements import NEWEST_DAYS
from query_api.columns import Columns

REACH = timedelta(days=30)
_FREQUENT = 300
"""Times a day from which on an event is looked at in part only."""
_AIM = 30_000
"""How many of the frequent events are looked at, about."""
_ALL = 2**64 - 1


class DayOfEvent(NamedTuple):
    """The newest day of an event."""

    event: str
    day: int
    """Since 1970-01-01."""
    of_day: int
    n: int
    """How often it came in all of the time that is looked back."""


async def newest_days(
    columns: Columns, project_id: int, event: str | None, now: datetime
) -> list[DayOfEvent]:
    """Return the newest day of each event, or of one; raises like :meth:`Columns.rows`."""
    bound = {"project_id": project_id, "since": since(now), "event": event or ""}
    return await columns.rows(NEWEST_DAYS, bound, DayOfEvent)


def since(now: datetime) -> int:
    """Return how far back the catalogue looks, in UTC seconds."""
    return int((now - REACH).timestamp())


def sample_values(days: list[DayOfEvent]) -> dict[str, Any]:
    """Return the values by which statements know the sample."""
    frequent = [day for day in days if day.of_day > _FREQUENT]
    rare = [day for day in days if day.of_day <= _FREQUENT]
    return {
        "rare": [day.event for day in rare],
        "rare_days": [day.day for day in rare],
        "frequent": [day.event for day in frequent],
        "frequent_days": [day.day for day in frequent],
        "share": min(_ALL, _ALL * _AIM // max(1, sum(day.of_day for day in frequent))),
        "days": sorted({day.day for day in days}),
        "names": [day.event for day in days],
    }
