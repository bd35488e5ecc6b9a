"""Ids that sort by time."""

import uuid

import uuid_utils
from hypothesis import given
from hypothesis import strategies as st

from smolhog_client.event_ids import EventIds, uuid7_text

MILLISECONDS = st.integers(min_value=0, max_value=2**48 - 2)


@given(MILLISECONDS, st.integers(min_value=0, max_value=2**74 - 1))
def test_an_id_is_a_uuid_version_7_of_its_time(milliseconds: int, tail: int) -> None:
    """Python's and another library's parser read version, variant and time as they were given."""
    text = uuid7_text(milliseconds, tail)
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert uuid_utils.UUID(text).timestamp == milliseconds


@given(st.lists(MILLISECONDS, min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_ids_grow_whatever_the_clock_does(clock: list[int], random: object) -> None:
    """Each id is greater than the one before, also when the clock stands or steps back."""
    times = iter(clock)
    ids = EventIds(lambda: next(times), random.getrandbits)  # type: ignore[attr-defined]
    made = [ids() for _ in clock]
    assert made == sorted(set(made))


def test_a_full_millisecond_runs_over_into_the_next() -> None:
    """With all random bits set, the next id of that millisecond carries into the time."""
    ids = EventIds(lambda: 5, lambda bits: 2**bits - 1)
    first, second = uuid.UUID(ids()), uuid.UUID(ids())
    assert first.int >> 80 == 5
    assert second.int >> 80 == 6
    assert second.version == 7
