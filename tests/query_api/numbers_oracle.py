"""What trends and breakdowns have to answer, counted one event at a time."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.query_api.filter_oracle import NOTHING_KNOWN, Known, holds, number_of, value_of
from tests.query_api.stored import Stored

Number = int | float | None
_COUNTED = {"events", "users", "sum"}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share lies, interpolated between the two nearest."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


_FIGURES: dict[str, Callable[[Sequence[float]], float]] = {
    "average": statistics.fmean,
    "minimum": min,
    "maximum": max,
    "median": statistics.median,
    "p90": lambda values: percentile(values, 0.9),
    "p95": lambda values: percentile(values, 0.95),
    "p99": lambda values: percentile(values, 0.99),
}


def measured(series: Mapping[str, Any], events: Sequence[Stored], known: Known = NOTHING_KNOWN) -> Number:
    """Return the measure of some events."""
    measure = series.get("measure", "events")
    people = {known.person_of(event) for event in events}
    if measure in {"events", "users"}:
        return len(events) if measure == "events" else len(people)
    if measure == "events_per_user":
        return len(events) / len(people) if people else None
    found = [number_of(value_of(series["property"], "event", event, known)) for event in events]
    numbers = [number for number in found if number is not None]
    if measure == "sum":
        return sum(numbers)
    return _FIGURES[measure](numbers) if numbers else None


def chosen(
    series: Mapping[str, Any], events: Sequence[Stored], also: Any = None, known: Known = NOTHING_KNOWN
) -> list[Stored]:
    """Return the events of a series."""
    return [
        event
        for event in events
        if series.get("event") in {None, event.event}
        and holds(series.get("filter"), event, known)
        and holds(also, event, known)
    ]


def label_of(breakdown: Mapping[str, Any], event: Stored, known: Known = NOTHING_KNOWN) -> str | None:
    """Return the value that a breakdown sees."""
    of = breakdown.get("of", "event")
    if of == "event" and not breakdown["property"].startswith(("$event", "$distinct_id", "$session_id")):
        return event.value(breakdown["property"])
    value = value_of(breakdown["property"], of, event, known)
    if value is None or isinstance(value, list | dict):
        return None
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if not isinstance(value, str)
        else value
    )


def split(
    series: Mapping[str, Any],
    events: Sequence[Stored],
    breakdown: Mapping[str, Any],
    values: Sequence[str] | None = None,
    known: Known = NOTHING_KNOWN,
) -> dict[str | None, list[Stored]]:
    """Return the events of each value that is told apart, of ``$other`` and of None."""
    by_value: dict[str | None, list[Stored]] = {}
    for event in events:
        by_value.setdefault(label_of(breakdown, event, known), []).append(event)
    if values is None:
        by = series if series.get("measure", "events") in _COUNTED else {}
        ranked = [value for value in by_value if value is not None and value != "$other"]
        ranked.sort(key=lambda value: (-(measured(by, by_value[value], known) or 0), value))
        values = ranked[: breakdown.get("limit", 10)]
    result: dict[str | None, list[Stored]] = {value: by_value.get(value, []) for value in values}
    rest = [
        event
        for value, found in by_value.items()
        if value is not None and value not in values
        for event in found
    ]
    result |= {"$other": rest, None: by_value.get(None, [])}
    return {label: found for label, found in result.items() if found}


def bucket_start(moment: datetime, interval: str, zone: ZoneInfo) -> str:
    """Return the local start of a bucket; for intervals whose buckets clocks do not cut."""
    local = moment.astimezone(zone)
    if interval == "hour":
        return local.replace(minute=0, second=0, microsecond=0).isoformat()
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if interval == "week":
        day -= timedelta(days=day.weekday())
    if interval == "month":
        day = day.replace(day=1)
    return day.replace(tzinfo=zone).isoformat()


def line(
    series: Mapping[str, Any],
    events: Sequence[Stored],
    times: Sequence[str],
    place: Callable[[Stored], str],
    *,
    cumulative: bool = False,
    known: Known = NOTHING_KNOWN,
) -> tuple[list[Number], Number]:
    """Return the value of each bucket, and the total."""
    by_bucket: dict[str, list[Stored]] = {time: [] for time in times}
    for event in events:
        by_bucket[place(event)].append(event)
    values: list[Number] = []
    before: list[Stored] = []
    for time in times:
        before = before + by_bucket[time] if cumulative else by_bucket[time]
        values.append(measured(series, before, known))
    return values, measured(series, events, known)
