"""Times as files write them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolhog.import_columns import Fault, parse_time

UTC_ZONE = ZoneInfo("UTC")
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001 - bounds are naive by contract
    lambda naive: naive.replace(tzinfo=UTC)
)


@given(INSTANTS, st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_every_way_to_write_an_instant_is_read_back(instant: datetime, offset: int) -> None:
    """RFC 3339 in any zone, date and time in UTC, and Unix times give the same instant."""
    zoned = instant.astimezone(timezone(timedelta(minutes=offset)))
    assert parse_time(zoned.isoformat(), UTC_ZONE) == instant
    assert parse_time(instant.strftime("%Y-%m-%d %H:%M:%S.%f"), UTC_ZONE) == instant
    assert parse_time(instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), UTC_ZONE) == instant
    whole = instant.replace(microsecond=0)
    assert parse_time(str(int(whole.timestamp())), UTC_ZONE) == whole
    # Below 1973 milliseconds cannot be told from seconds.
    if instant.year >= 1974:
        assert parse_time(int(whole.timestamp()) * 1000, UTC_ZONE) == whole


@given(st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)))  # noqa: DTZ001 - a local time has no zone
def test_local_times_are_read_in_the_zone_that_was_named(local: datetime) -> None:
    """The zone database decides, summer time included."""
    zone = ZoneInfo("America/New_York")
    expected = local.replace(tzinfo=zone).astimezone(UTC)
    assert parse_time(local.isoformat(sep=" "), zone) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-02-30 00:00:00",
        "2026-01-01T25:00:00Z",
        "20260101T000000Z",
        "2026-W01-1",
        "9" * 400,
        "1e9",
        float("inf"),
        1e30,
        True,
        None,
        [],
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_time_is_a_fault(value: object) -> None:
    """Nothing is guessed, and nothing raises."""
    assert isinstance(parse_time(value, UTC_ZONE), Fault)


@given(st.text() | st.floats() | st.integers())
def test_no_value_whatever_raises(value: object) -> None:
    """Any cell is a time or a fault."""
    assert isinstance(parse_time(value, UTC_ZONE), datetime | Fault)
