"""Local days, weeks and months, by the standard library's calendar alone."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def period_of(moment: datetime, interval: str, zone: str) -> date:
    """Return the first day of the local period that an instant is in."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    if interval == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def following(period: date, interval: str) -> date:
    """Return the period after one."""
    if interval == "month":
        return (period + timedelta(days=31)).replace(day=1)
    return period + timedelta(days=7 if interval == "week" else 1)


def periods_from(period: date, interval: str, count: int) -> Iterator[date]:
    """Yield ``count`` periods, the given one first."""
    for _ in range(count):
        yield period
        period = following(period, interval)
