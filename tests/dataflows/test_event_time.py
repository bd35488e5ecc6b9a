"""The time of an event is right even if its client's clock is not."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import assume, given
from hypothesis import strategies as st

from dataflows.event_time import correct_time, correct_times
from schemas.event import EARLIEST

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_client_times = st.datetimes(timezones=_zones)
_arrivals = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_ages = st.timedeltas(timedelta(), timedelta(days=10_000))


@given(st.none() | _client_times, st.none() | _client_times, _arrivals)
def test_result_is_in_utc_and_storable(
    timestamp: datetime | None, sent_at: datetime | None, received_at: datetime
) -> None:
    """Whatever the clocks say, the time lies between 1970 and the arrival, in UTC."""
    corrected = correct_time(timestamp, sent_at, received_at)
    assert EARLIEST <= corrected <= received_at
    assert corrected.tzinfo is UTC


@given(_ages, st.timedeltas(timedelta(days=-9000), timedelta(days=9000)), _arrivals)
def test_wrong_clock_costs_nothing(age: timedelta, wrong_by: timedelta, received_at: datetime) -> None:
    """An event that was sent at once is as old as its client says, however wrong its clock is."""
    sent_at = NOW + wrong_by
    assume(received_at - age >= EARLIEST)
    assert correct_time(sent_at - age, sent_at, received_at) == received_at - age


@given(_ages, _zones)
def test_zone_changes_nothing(age: timedelta, zone: timezone) -> None:
    """The same instant in another zone is the same time."""
    timestamp = NOW - age
    assert correct_time(timestamp.astimezone(zone), None, NOW) == correct_time(timestamp, None, NOW)


def test_without_sent_at_the_client_is_believed() -> None:
    """A past time without `sent_at` stands as it is."""
    assert correct_time(datetime(1999, 12, 31, tzinfo=UTC), None, NOW) == datetime(1999, 12, 31, tzinfo=UTC)


def test_without_timestamp_it_happened_on_arrival() -> None:
    """`sent_at` alone says nothing about the event."""
    assert correct_time(None, NOW - timedelta(days=1), NOW) == NOW


def test_nobody_sends_tomorrows_events() -> None:
    """A time after the arrival becomes the arrival, with `sent_at` and without."""
    tomorrow = NOW + timedelta(days=1)
    assert correct_time(tomorrow, None, NOW) == NOW
    assert correct_time(tomorrow, NOW, NOW) == NOW


def test_before_1970_becomes_1970() -> None:
    """What no store can hold becomes the first instant that they hold."""
    assert correct_time(datetime(1999, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC), NOW) == EARLIEST


@given(st.lists(st.none() | _client_times), st.none() | _client_times, _arrivals)
def test_a_batch_is_corrected_as_each_event(
    timestamps: list[datetime | None], sent_at: datetime | None, received_at: datetime
) -> None:
    """Whatever the neighbours' times are, each event gets the time that it gets alone."""
    alone = [correct_time(timestamp, sent_at, received_at) for timestamp in timestamps]
    together = correct_times(timestamps, sent_at, received_at)
    assert together == alone
    assert all(corrected.tzinfo is UTC for corrected in together)


@given(st.lists(_ages), _arrivals)
def test_a_sound_clock_is_corrected_as_each_event(ages: list[timedelta], received_at: datetime) -> None:
    """The usual batch, of which no time is missing or absurd."""
    sent_at = NOW
    timestamps = [sent_at - age for age in ages]
    assert correct_times(timestamps, sent_at, received_at) == [
        correct_time(timestamp, sent_at, received_at) for timestamp in timestamps
    ]
