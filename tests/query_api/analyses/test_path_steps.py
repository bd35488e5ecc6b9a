"""Names of steps become the narrowest codes that tell them apart."""

import random

import pytest

from query_api.analyses.path_steps import packing_of

DAY = 86_400_000_000
HALF_HOUR = 1_800_000_000


def names(count: int) -> list[int]:
    """Return hashes of as many names."""
    chance = random.Random(count)
    return [chance.getrandbits(64) for _ in range(count)]


@pytest.mark.parametrize(("days", "count"), [(1, 3), (31, 42), (31, 500), (366, 100), (3660, 20)])
def test_few_names_share_64_bits_with_the_time(days: int, count: int) -> None:
    """Every name has a code of its own, none has that of nobody, and time, code and mark fit."""
    known = names(count)
    packing = packing_of(known, 1_790_000_000_000_000, 1_790_000_000_000_000 + days * DAY, HALF_HOUR)
    assert packing.width == 64
    assert (days * DAY + HALF_HOUR).bit_length() + packing.code_bits + 1 <= 64
    codes = [name >> packing.shift & (1 << packing.code_bits) - 1 for name in known]
    assert [packing.hash_of(code) for code in codes] == known
    assert 0 not in codes
    assert packing.hash_of(0) is None


@pytest.mark.parametrize(
    ("known", "days"),
    [
        (None, 7),
        (names(501), 1),
        # Between these the bits differ too far apart for any code that the time leaves room for.
        ([1, 1 | 1 << 63, 1 << 40], 3660),
        (names(3), 400_000_000),
    ],
    ids=["values of a property", "too many names", "names alike", "no room beside the time"],
)
def test_other_names_are_whole_hashes(known: list[int] | None, days: int) -> None:
    """What does not fit takes twice the room, and is still right."""
    packing = packing_of(known, -DAY, days * DAY, HALF_HOUR)
    assert (packing.width, packing.code_bits) == (128, 64)
    assert packing.hash_of(4711) == 4711
