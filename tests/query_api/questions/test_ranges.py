"""Ranges are instants, buckets of a bounded number, and what lies before."""

from datetime import UTC, datetime

import pytest

from query_api.buckets import Interval
from query_api.errors import InvalidParameter
from query_api.questions.ranges import Range, buckets_in, period_before, span_of, whole_units

NOW = datetime(2026, 11, 1, 12, 34, 56, tzinfo=UTC)


def asked(first: str, last: str = "now") -> Range:
    """A range as it stands in a question."""
    return Range.model_validate({"from": first, "to": last})


def test_a_range_of_dates_is_days_of_the_zone() -> None:
    """The last day is in it."""
    span = span_of(asked("2026-10-25", "2026-10-25"), "Europe/Berlin", NOW)
    assert span.start == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert (span.end_micros - span.start_micros) == 25 * 3_600_000_000


@pytest.mark.parametrize(
    ("first", "last", "zone", "field"),
    [
        ("soon", "now", "UTC", "range.from"),
        ("-1d", "then", "UTC", "range.to"),
        ("now", "-1d", "UTC", "range.from"),
        ("-1d", "now", "Mars/Olympus", "timezone"),
    ],
)
def test_what_is_no_range_is_named(first: str, last: str, zone: str, field: str) -> None:
    """By the path in the question."""
    with pytest.raises(InvalidParameter) as refused:
        span_of(asked(first, last), zone, NOW)
    assert refused.value.field == field


def test_too_many_points_are_refused_with_advice() -> None:
    """Of buckets, and of buckets times series; the coarsest interval has no coarser one."""
    span = span_of(asked("-60d"), "UTC", NOW)
    with pytest.raises(InvalidParameter, match="interval=hour"):
        buckets_in(span, Interval.MINUTE)
    with pytest.raises(InvalidParameter, match="fewer series"):
        buckets_in(span, Interval.HOUR, series=100)
    with pytest.raises(InvalidParameter) as refused:
        buckets_in(span_of(asked("-365d"), "UTC", NOW), Interval.DAY, series=200, coarsest=Interval.DAY)
    assert "interval=" not in refused.value.message


def test_the_period_before_may_not_begin_before_1970() -> None:
    """Time starts there."""
    buckets = buckets_in(span_of(asked("1970-01-02", "1970-01-03"), "UTC", NOW), Interval.DAY)
    with pytest.raises(InvalidParameter):
        period_before(buckets, Interval.DAY, NOW)


@pytest.mark.parametrize(
    ("first", "last", "zone", "begins", "ends"),
    [
        ("-7d", "now", "UTC", "2026-10-25T12:00:00+00:00", "2026-11-01T13:00:00+00:00"),
        ("-30m", "now", "UTC", "2026-11-01T12:04:00+00:00", "2026-11-01T12:35:00+00:00"),
        (
            "2026-10-31",
            "2026-10-31",
            "Asia/Kathmandu",
            "2026-10-31T00:00:00+05:45",
            "2026-11-01T00:00:00+05:45",
        ),
    ],
)
def test_one_bucket_is_as_wide_as_rollups_can_tell(
    first: str, last: str, zone: str, begins: str, ends: str
) -> None:
    """Whole hours of the zone; minutes if it is under a day."""
    buckets = whole_units(span_of(asked(first, last), zone, NOW))
    assert (buckets.label(buckets.start), buckets.label(buckets.end)) == (begins, ends)
    assert len(buckets.starts) == 1
