"""How far the stores are behind, from what a look every few seconds can know."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dataflows.lag import Lag, LagReading, Progress


def progress(next_offset: int, log_time: float | None = None) -> Progress:
    """Stores that have come so far."""
    return Progress(next_offset, log_time, snapshot_at=0.0)


def test_nothing_waits_where_everything_is_stored() -> None:
    """Whatever the age of what was stored last: a quiet log is no lag."""
    lag = Lag()
    assert lag.read(1000.0, 50, progress(50, log_time=10.0)) == LagReading(0, 0.0)
    assert lag.read(2000.0, 50, progress(50, log_time=10.0)) == LagReading(0, 0.0)


def test_lag_is_dated_by_the_look_that_saw_the_message_first() -> None:
    """A stuck dataflow: the seconds grow with the clock, from when its first message was seen."""
    lag = Lag()
    stuck = progress(50, log_time=10.0)
    assert lag.read(100.0, 50, stuck) == LagReading(0, 0.0)
    assert lag.read(105.0, 60, stuck) == LagReading(10, 0.0)
    assert lag.read(110.0, 70, stuck) == LagReading(20, 5.0)
    assert lag.read(170.0, 70, stuck) == LagReading(20, 65.0)


def test_what_was_stored_meanwhile_is_forgotten() -> None:
    """Of the rest, the oldest counts."""
    lag = Lag()
    stores = progress(0)
    lag.read(100.0, 10, stores)
    lag.read(105.0, 20, stores)
    lag.read(110.0, 30, stores)
    stores.stored(10, 99.0, now=112.0)
    assert lag.read(115.0, 30, stores) == LagReading(20, 10.0)
    stores.stored(30, 109.0, now=116.0)
    assert lag.read(120.0, 30, stores) == LagReading(0, 0.0)


def test_what_waited_before_the_first_look_is_dated_by_what_is_stored() -> None:
    """A dataflow that starts after an outage: the next message came after the last one that is stored."""
    lag = Lag()
    stores = progress(50, log_time=1000.0)
    assert lag.read(4600.0, 500, stores) == LagReading(450, 3600.0)
    stores.stored(400, 4000.0, now=4604.0)
    assert lag.read(4605.0, 500, stores) == LagReading(100, 605.0)


def test_a_replay_is_no_step_back() -> None:
    """After a kill a dataflow stores again what is stored."""
    stores = progress(100, log_time=500.0)
    stores.stored(40, 200.0, now=600.0)
    assert (stores.next_offset, stores.log_time, stores.snapshot_at) == (100, 500.0, 600.0)


@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=60)
)
def test_seconds_never_exceed_the_truth_nor_fall_short_of_it_by_more_than_a_look(
    steps: list[tuple[float, int, int]],
) -> None:
    """Against a log that remembers when each message was appended: at each look, just before the next."""
    lag, stores = Lag(), progress(0)
    now, appended = 0.0, []
    lag.read(now, 0, stores)
    looks = [now]
    for pause, new, done in steps:
        # Appended just after the look before: as old as they can be when they are first seen.
        appended += [now] * new
        now += pause
        stores.stored(min(len(appended), stores.next_offset + done), None, now)
        reading = lag.read(now, len(appended), stores)
        assert reading.messages == len(appended) - stores.next_offset
        truth = now - appended[stores.next_offset] if reading.messages else 0.0
        assert reading.seconds <= truth
        longest_pause = max([pause, *(after - before for before, after in pairwise(looks))])
        assert reading.seconds >= truth - longest_pause - 1e-6
        looks.append(now)
