"""UUIDv7 (RFC 9562): ids that sort by time, and strictly so within one generator."""

import os
import random
import time
import weakref
from collections.abc import Callable
from operator import add

_LOW_MASK = (1 << 62) - 1
_HEAD_BITS = 26
"""Random bits before an id's last group of digits: 12 before the variant, 14 after it."""
_HEAD_MASK = (1 << _HEAD_BITS) - 1
_END_BITS = 48
"""Bits of an id's last group of digits, the only ones that change within most milliseconds."""
_COUNTS = [f"{count:02x}" for count in range(0xFF, -1, -1)]
"""What the ends of a block begin with, the last to be used first."""
_RANDOM_BYTES = 5
"""Of an end, after its count."""


def wall_milliseconds() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def uuid7_text(milliseconds: int, tail: int) -> str:
    """Write a UUIDv7 of its 48-bit time and 74 further bits, in the usual 36 characters."""
    number = (
        (milliseconds & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (tail >> 62 & 0xFFF) << 64
        | 0b10 << 62
        | tail & _LOW_MASK
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class EventIds:
    """Makes UUIDv7 ids, each greater than the one before, even when the clock stands or steps back.

    An id's last twelve digits are a count and 40 random bits, and are made 256 at once. Within a
    millisecond the count grows (RFC 9562, section 6.2, method 1), and when it is used up, the 26 random
    bits before it; a carry goes into the time. Time and randomness are arguments, for tests. By default
    the randomness is Python's own, which is seeded by the system and seeded anew in a forked child: ids
    must differ, not be secret.

    One generator serves one thread at a time.
    """

    def __init__(
        self,
        milliseconds: Callable[[], int] = wall_milliseconds,
        random_bits: Callable[[int], int] = random.getrandbits,
    ) -> None:
        self._milliseconds = milliseconds
        self._random_bits = random_bits
        self._head = -1
        self._head_time = -1
        self._head_text = ""
        self._ends: list[str] = []
        _generators.add(self)

    def __call__(self) -> str:
        """Make the next id."""
        now = self._milliseconds()
        if now > self._head_time or not self._ends:
            self._advance(now)
        return self._head_text + self._ends.pop()

    def many(self, count: int) -> list[str]:
        """Make the next ``count`` ids, with one look at the clock."""
        now = self._milliseconds()
        if now > self._head_time:
            self._advance(now)
        made: list[str] = []
        while missing := count - len(made):
            if not self._ends:
                self._advance(now)
            ends = self._ends[-missing:]
            del self._ends[-missing:]
            head = self._head_text
            made += [head + end for end in reversed(ends)]
        return made

    def forget_ends(self) -> None:
        """Let go of what was made for later ids, in a forked child: the parent has the same."""
        self._ends.clear()

    def _advance(self, now: int) -> None:
        """Begin a new millisecond, or go on in this one with new ends."""
        if now > self._head_time:
            self._head = now << _HEAD_BITS | self._random_bits(_HEAD_BITS)
        else:
            self._head += 1
        self._head_time = self._head >> _HEAD_BITS
        self._head_text = uuid7_text(self._head_time, (self._head & _HEAD_MASK) << _END_BITS)[:24]
        if not self._ends:
            size = len(_COUNTS) * _RANDOM_BYTES
            digits = self._random_bits(size * 8).to_bytes(size, "big").hex("-", _RANDOM_BYTES)
            self._ends = list(map(add, _COUNTS, digits.split("-")))


_generators: "weakref.WeakSet[EventIds]" = weakref.WeakSet()


def _forget_ends_of_parent() -> None:
    for generator in list(_generators):
        generator.forget_ends()


os.register_at_fork(after_in_child=_forget_ends_of_parent)
