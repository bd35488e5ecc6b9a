"""The restart policy, without waiting."""

from hypothesis import given
from hypothesis import strategies as st

from smolhog.restarts import Restart, RestartCounter, RestartPolicy


def test_quick_crashes_are_restarted_ever_later_up_to_the_cap() -> None:
    """Delays double after each quick crash and stop growing at the cap."""
    counter = RestartCounter(RestartPolicy(first_seconds=0.5, factor=2, most_seconds=4))
    assert [counter.on_exit(0.1).delay_seconds for _ in range(6)] == [0.5, 1, 2, 4, 4, 4]


def test_a_stable_run_starts_the_count_again() -> None:
    """A process that ran long enough is restarted at once, and its next crash counts as the first."""
    counter = RestartCounter(RestartPolicy(first_seconds=1, stable_seconds=10))
    for _ in range(4):
        counter.on_exit(0.1)
    assert counter.on_exit(10) == Restart(0, 0, report=False)
    assert counter.on_exit(0.1) == Restart(1, 1, report=False)


def test_a_person_is_asked_to_look_now_and_then() -> None:
    """Every so many quick crashes in a row one is to be reported."""
    counter = RestartCounter(RestartPolicy(report_every=3))
    assert [counter.on_exit(0).report for _ in range(7)] == [False, False, True, False, False, True, False]


@given(crashes=st.integers(min_value=0, max_value=5000))
def test_it_never_gives_up(crashes: int) -> None:
    """However often a process crashed, there is a next start within the cap."""
    counter = RestartCounter(RestartPolicy(most_seconds=30))
    for _ in range(crashes):
        counter.on_exit(0)
    assert 0 <= counter.on_exit(0).delay_seconds <= 30
