"""A short, repeatable form of the fuzzing: all seeds, everything ever found, and small changes to both."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

CHANGED_PER_SEED = 4
ALPHABET = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\xff",
    b"\0",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"NaN",
]


def changed(data: bytes, random_source: random.Random) -> bytes:
    """Cut, repeat, flip or put something in."""
    place = random_source.randint(0, len(data))
    match random_source.randint(0, 3):
        case 0:
            return data[:place]
        case 1:
            end = random_source.randint(place, len(data))
            return data[:end] + data[place:]
        case 2:
            return data[:place] + bytes([random_source.randint(0, 255)]) + data[place + 1 :]
        case _:
            return data[:place] + random_source.choice(ALPHABET) + data[place:]


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_their_neighbours(name: str) -> None:
    """Every seed keeps the target's promises, and so does what lies close to it."""
    random_source = random.Random(name)
    tried = 0
    for seed in seeds(name):
        TARGETS[name](seed)
        for _ in range(CHANGED_PER_SEED):
            TARGETS[name](changed(seed, random_source))
        tried += 1
    assert tried


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str) -> None:
    """So do bytes of any kind."""

    @given(st.binary(max_size=200))
    @settings(derandomize=True)
    def try_them(data: bytes) -> None:
        TARGETS[name](data)

    try_them()
