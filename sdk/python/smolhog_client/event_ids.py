"""UUIDv7 (RFC 9562): ids that sort by time, and strictly so within one generator."""

import random
import time
from collections.abc import Callable

_TAIL_BITS = 74
"""Random bits of a UUIDv7: 12 before the variant, 62 after it."""
_TAIL_MASK = (1 << _TAIL_BITS) - 1
_LOW_MASK = (1 << 62) - 1
_STEP_BITS = 32
_END_BITS = 48
"""Bits of an id's last group of digits, the only ones that change within most milliseconds."""
_END_MASK = (1 << _END_BITS) - 1


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

    Within a millisecond the random part grows by a random step (RFC 9562, section 6.2, method 2);
    a carry goes into the time. Time and randomness are arguments, for tests. By default the
    randomness is Python's own, which is seeded by the system and seeded anew in a forked child:
    ids must differ, not be secret.

    One generator serves one thread at a time.
    """

    def __init__(
        self,
        milliseconds: Callable[[], int] = wall_milliseconds,
        random_bits: Callable[[int], int] = random.getrandbits,
    ) -> None:
        self._milliseconds = milliseconds
        self._random_bits = random_bits
        self._last = -1
        self._head = -1
        self._head_text = ""

    def __call__(self) -> str:
        """Make the next id."""
        now = self._milliseconds()
        last = self._last
        if now > last >> _TAIL_BITS:
            last = now << _TAIL_BITS | self._random_bits(_TAIL_BITS)
        else:
            last += 1 + self._random_bits(_STEP_BITS)
        self._last = last
        head = last >> _END_BITS
        if head != self._head:
            self._head = head
            self._head_text = uuid7_text(last >> _TAIL_BITS, last & _TAIL_MASK)[:24]
        return f"{self._head_text}{last & _END_MASK:012x}"
