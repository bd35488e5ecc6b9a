"""Ids that sort by time."""

import os
import uuid
from itertools import accumulate
from random import Random

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


@given(
    st.lists(
        st.tuples(MILLISECONDS, st.sampled_from([1, 2, 200, 600])),
        min_size=1,
        max_size=20,
        unique_by=lambda pair: pair[0],
    ),
    st.randoms(use_true_random=False),
)
def test_ids_grow_whatever_the_clock_does(clock: list[tuple[int, int]], random: object) -> None:
    """Each id is a good one and greater than the one before, also when the clock stands or steps back."""
    counts = [count for _, count in clock]
    times = iter([time for time, count in clock for _ in range(count)])
    ids = EventIds(lambda: next(times), random.getrandbits)  # type: ignore[attr-defined]
    made = [ids() for _ in range(sum(counts))]
    assert made == sorted(set(made))
    assert all((one.version, one.variant) == (7, uuid.RFC_4122) for one in map(uuid.UUID, made))
    newest = 0
    for (time, count), end in zip(clock, accumulate(counts), strict=True):
        newest = max(newest, time)
        # What follows so many in one millisecond that its bits are used up carries into the next one.
        assert all(uuid.UUID(one).int >> 80 in (newest, newest + 1) for one in made[end - count : end])


@given(st.lists(st.tuples(MILLISECONDS, st.sampled_from([0, 1, 255, 256, 257, 1_000])), max_size=20))
def test_ids_made_together_are_those_made_one_by_one(clock: list[tuple[int, int]]) -> None:
    """With the same clock and the same randomness, whatever the clock does."""
    together, single = (EventIds(lambda: now[0], Random(1).getrandbits) for _ in range(2))
    now = [0]
    for time, count in clock:
        now[0] = time
        assert together.many(count) == [single() for _ in range(count)]
        assert together() == single()


def test_a_full_millisecond_runs_over_into_the_next() -> None:
    """With all random bits set, what follows a block of that millisecond carries into the time."""
    ids = EventIds(lambda: 5, lambda bits: 2**bits - 1)
    made = [uuid.UUID(ids()) for _ in range(257)]
    assert {one.int >> 80 for one in made[:256]} == {5}
    assert made[256].int >> 80 == 6
    assert made[256].version == 7
    assert made == sorted(set(made))


def test_a_forked_child_makes_ids_of_its_own() -> None:
    """A generator that was in use before a fork goes on in both processes, and no id is made twice."""
    ids = EventIds(lambda: 5)
    before = [ids() for _ in range(10)]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, " ".join(ids() for _ in range(50)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        of_child = answer.read().split()
    assert os.waitpid(child, 0)[1] == 0
    of_parent = [ids() for _ in range(50)]
    assert len(of_child) == 50
    assert len({*before, *of_child, *of_parent}) == 110
    for made in (of_child, of_parent):
        assert before + made == sorted(before + made)
