"""What the API has to answer, counted by brute force over the events themselves."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.query_api.stored import Stored

_FORMATS = {"minute": "%Y-%m-%dT%H:%M", "hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}
Label = str | None


def wall_clock(moment: datetime, interval: str) -> tuple[str, str]:
    """Return what identifies a bucket to people: the local time cut off, and the offset if it matters."""
    return moment.strftime(_FORMATS[interval]), "" if interval == "day" else moment.strftime("%z")


def _events(found: Iterable[Stored]) -> int:
    return len(list(found))


def _users(found: Iterable[Stored]) -> int:
    return len({event.distinct_id for event in found})


MEASURES: dict[str, Callable[[Iterable[Stored]], int]] = {"events": _events, "users": _users}


def trend(
    events: Sequence[Stored], *, zone: str, interval: str, measure: str = "events"
) -> dict[tuple[str, str], int]:
    """Return the value of each bucket that holds anything."""
    tz = ZoneInfo(zone)
    buckets: defaultdict[tuple[str, str], list[Stored]] = defaultdict(list)
    for event in events:
        buckets[wall_clock(event.timestamp.astimezone(tz), interval)].append(event)
    return {bucket: MEASURES[measure](found) for bucket, found in buckets.items()}


def labelled(
    events: Sequence[Stored], breakdown: str, limit: int, *, measure: str = "events"
) -> list[tuple[Label, list[Stored]]]:
    """Split events by a property: the most frequent values, ``$other``, and ``None`` without a value."""
    by_value: defaultdict[str, list[Stored]] = defaultdict(list)
    without, real_other = [], []
    for event in events:
        value = event.value(breakdown)
        if value is None:
            without.append(event)
        elif value == "$other":
            real_other.append(event)
        else:
            by_value[value].append(event)
    ranked = sorted(by_value, key=lambda value: (-MEASURES[measure](by_value[value]), value))
    result: list[tuple[Label, list[Stored]]] = [(value, by_value[value]) for value in ranked[:limit]]
    rest = [event for value in ranked[limit:] for event in by_value[value]] + real_other
    if rest:
        result.append(("$other", rest))
    if without:
        result.append((None, without))
    return result


def points(series: dict[str, Any], interval: str) -> dict[tuple[str, str], int]:
    """Return the buckets of an answer that are not 0, under the names that :func:`trend` gives them."""
    found: Counter[tuple[str, str]] = Counter()
    for point in series["points"]:
        found[wall_clock(datetime.fromisoformat(point["time"]), interval)] += point["value"]
    return {bucket: value for bucket, value in found.items() if value}
