"""How long clients wait."""

from hypothesis import given
from hypothesis import strategies as st

from smolhog_client import FullJitter


def test_the_bound_doubles_up_to_the_cap() -> None:
    """With the largest draw the waits are 0.1, 0.2, 0.4 … and end at the cap."""
    policy = FullJitter(base=0.1, cap=1.0, draw=lambda: 1.0)
    assert [round(policy.delay(attempt), 6) for attempt in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


@given(st.integers(min_value=0, max_value=10**9), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_wait_lies_between_zero_and_the_cap(attempt: int, drawn: float) -> None:
    """No number of failures leaves the interval."""
    assert 0 <= FullJitter(base=0.1, cap=30, draw=lambda: drawn).delay(attempt) <= 30
