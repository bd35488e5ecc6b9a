"""The planner picks the coarsest table that can tell the buckets apart."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from query_api.buckets import Buckets, Interval, buckets_of
from query_api.plan import Exactness, Measure, Plan, Source, plan_trends

START = datetime(2026, 3, 28, tzinfo=UTC)


def buckets(zone: str, interval: Interval, start: datetime = START) -> Buckets:
    """Two days of buckets."""
    return buckets_of(start, start + timedelta(days=2), interval, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("zone", "interval", "events", "users"),
    [
        ("UTC", Interval.HOUR, Source.ROLLUP_HOUR, Source.DISTINCT_USERS_HOUR),
        ("UTC", Interval.MINUTE, Source.ROLLUP_MINUTE, Source.DISTINCT_USERS_MINUTE),
        ("Europe/Berlin", Interval.DAY, Source.ROLLUP_HOUR, Source.DISTINCT_USERS_HOUR),
        ("Asia/Kathmandu", Interval.DAY, Source.ROLLUP_MINUTE, Source.DISTINCT_USERS_MINUTE),
        ("America/St_Johns", Interval.HOUR, Source.ROLLUP_MINUTE, Source.DISTINCT_USERS_MINUTE),
    ],
)
def test_zones_decide_the_resolution(zone: str, interval: Interval, events: Source, users: Source) -> None:
    """Whole-hour offsets are answered by the hour, others by the minute."""
    span = buckets(zone, interval)
    assert plan_trends(Measure.EVENTS, span, breakdown=False) == Plan(events, Exactness.EXACT)
    assert plan_trends(Measure.EVENTS, span, breakdown=True) == Plan(
        events, Exactness.EXACT, may_overflow=True
    )
    assert plan_trends(Measure.USERS, span, breakdown=False) == Plan(users, Exactness.APPROXIMATE)


def test_users_by_property_are_counted_from_the_events() -> None:
    """No state of users is kept by property."""
    span = buckets("UTC", Interval.DAY)
    assert plan_trends(Measure.USERS, span, breakdown=True) == Plan(Source.EVENTS, Exactness.EXACT)


def test_offsets_with_seconds_need_the_events() -> None:
    """Monrovia's clocks were 44 minutes and 30 seconds behind until 1972."""
    span = buckets("Africa/Monrovia", Interval.MINUTE, datetime(1971, 5, 1, tzinfo=UTC))
    assert plan_trends(Measure.EVENTS, span, breakdown=False).source is Source.EVENTS
