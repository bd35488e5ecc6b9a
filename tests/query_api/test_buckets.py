"""Buckets hold what people in a zone would put into them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.buckets import Buckets, Interval, bounds_before, buckets_of

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
    "Asia/Tehran",
    "Pacific/Chatham",
]
SPANS = {
    Interval.MONTH: 400 * 86400,
    Interval.WEEK: 200 * 86400,
    Interval.DAY: 30 * 86400,
    Interval.HOUR: 2 * 86400,
    Interval.MINUTE: 3 * 3600,
}
"""Longest range to try, in seconds."""
KEPT = {
    Interval.MONTH: "%Y-%m",
    Interval.WEEK: "%G-%V",
    Interval.DAY: "%Y-%m-%d",
    Interval.HOUR: "%Y-%m-%dT%H",
    Interval.MINUTE: "%Y-%m-%dT%H:%M",
}
"""What of the wall clock names a bucket."""


def day_lengths(first: str, last: str, zone: str) -> list[float]:
    """Hours of each day from ``first`` up to ``last``."""
    tz = ZoneInfo(zone)
    buckets = buckets_of(
        datetime.fromisoformat(first).replace(tzinfo=tz),
        datetime.fromisoformat(last).replace(tzinfo=tz),
        Interval.DAY,
        tz,
    )
    return [(end - start) / 3600 for start, end in zip(buckets.starts, buckets.bounds[1:], strict=True)]


def labels(buckets: Buckets) -> list[str]:
    """Return the starts as people write them."""
    return [buckets.label(start) for start in buckets.starts]


def test_days_have_23_and_25_hours_when_clocks_change() -> None:
    """Berlin's day is an hour short in March 2026 and an hour long in October."""
    assert day_lengths("2026-03-28", "2026-03-31", "Europe/Berlin") == [24, 23, 24]
    assert day_lengths("2026-10-24", "2026-10-27", "Europe/Berlin") == [24, 25, 24]


def test_the_repeated_hour_is_two_buckets() -> None:
    """Two o'clock comes twice in Berlin on 2026-10-25, and once by half in Lord Howe."""
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 25, 1, tzinfo=berlin)
    assert labels(buckets_of(start, start.astimezone(UTC) + timedelta(hours=4), Interval.HOUR, berlin)) == [
        "2026-10-25T01:00:00+02:00",
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]
    howe = ZoneInfo("Australia/Lord_Howe")
    start = datetime(2026, 4, 5, 1, tzinfo=howe)
    assert labels(buckets_of(start, start.astimezone(UTC) + timedelta(hours=3), Interval.HOUR, howe)) == [
        "2026-04-05T01:00:00+11:00",
        "2026-04-05T01:30:00+10:30",
        "2026-04-05T02:00:00+10:30",
        "2026-04-05T03:00:00+10:30",
    ]


def test_a_day_that_nobody_lived_is_no_bucket() -> None:
    """Samoa skipped 30 December 2011."""
    tz = ZoneInfo("Pacific/Apia")
    buckets = buckets_of(datetime(2011, 12, 28, tzinfo=tz), datetime(2012, 1, 2, tzinfo=tz), Interval.DAY, tz)
    assert [label[:10] for label in labels(buckets)] == [
        "2011-12-28",
        "2011-12-29",
        "2011-12-31",
        "2012-01-01",
    ]


def test_a_range_is_widened_to_whole_buckets() -> None:
    """Half past three to a minute past five is the three hours that this touches."""
    start = datetime(2026, 1, 1, 3, 30, tzinfo=UTC)
    buckets = buckets_of(start, start + timedelta(minutes=91), Interval.HOUR, UTC)
    assert [label[11:16] for label in labels(buckets)] == ["03:00", "04:00", "05:00"]


@pytest.mark.parametrize("interval", list(Interval))
@given(data=st.data())
def test_every_instant_is_in_the_bucket_of_its_wall_clock(interval: Interval, data: st.DataObject) -> None:
    """Whatever the zone and the year, an instant's bucket has its local month, week, day, hour or minute."""
    zone = ZoneInfo(data.draw(st.sampled_from(ZONES)))
    start = datetime.fromtimestamp(data.draw(st.integers(946_684_800, 2_000_000_000)), UTC)
    end = start + timedelta(seconds=data.draw(st.integers(1, SPANS[interval])))
    buckets = buckets_of(start, end, interval, zone)
    assert buckets.start <= start.timestamp()
    assert buckets.end >= end.timestamp()
    assert list(buckets.bounds) == sorted(set(buckets.bounds))

    instant = start + timedelta(seconds=data.draw(st.integers(0, int((end - start).total_seconds()) - 1)))
    at = int(instant.timestamp())
    bucket = max(bound for bound in buckets.bounds if bound <= at)
    run = max((run for run in buckets.runs if run.start <= at), key=lambda run: run.start)
    assert run.start + (at - run.start) // run.step * run.step == bucket

    local, opened = instant.astimezone(zone), datetime.fromtimestamp(bucket, zone)
    # Cairo and Havana repeat an hour around midnight; there the later hour belongs to the day before.
    if not (interval in (Interval.DAY, Interval.WEEK, Interval.MONTH) and local.fold):
        assert local.strftime(KEPT[interval]) == opened.strftime(KEPT[interval])


@pytest.mark.parametrize("interval", list(Interval))
@given(data=st.data())
def test_as_many_buckets_before_end_where_these_begin(interval: Interval, data: st.DataObject) -> None:
    """They are the buckets that a longer range would have had."""
    zone = ZoneInfo(data.draw(st.sampled_from(ZONES)))
    start = datetime.fromtimestamp(data.draw(st.integers(946_684_800, 2_000_000_000)), UTC)
    buckets = buckets_of(start, start + timedelta(seconds=1), interval, zone)
    count = data.draw(st.integers(1, 30))
    bounds = bounds_before(buckets.start, count, interval, zone)
    assert len(bounds) == count + 1
    assert bounds[-1] == buckets.start
    longer = buckets_of(
        datetime.fromtimestamp(bounds[0], UTC), datetime.fromtimestamp(bounds[-1], UTC), interval, zone
    )
    assert longer.bounds == bounds


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    """Also where the year changes within the week."""
    start, end = datetime(2026, 12, 30, tzinfo=UTC), datetime(2027, 1, 5, tzinfo=UTC)
    assert [label[:10] for label in labels(buckets_of(start, end, Interval.WEEK, UTC))] == [
        "2026-12-28",
        "2027-01-04",
    ]
    months = buckets_of(start, end, Interval.MONTH, UTC)
    assert [label[:10] for label in labels(months)] == ["2026-12-01", "2027-01-01"]
    assert months.label(months.end)[:10] == "2027-02-01"
