"""UUIDv7 (RFC 9562): ids that sort by time, and strictly so within one generator."""

import secrets
import time
from collections.abc import Callable

_TAIL_BITS = 74
"""Random bits of a UUIDv7: 12 before the variant, 62 after it."""
_TAIL_MASK = (1 << _TAIL_BITS) - 1
_LOW_MASK = (1 << 62) - 1
_STEP_BITS = 32


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
    a carry goes into the time. Time and randomness are arguments, for tests.
    """

    def __init__(
        self,
        milliseconds: Callable[[], int] = wall_milliseconds,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._milliseconds = milliseconds
        self._random_bits = random_bits
        self._last = -1

    def __call__(self) -> str:
        """Make the next id."""
        now = self._milliseconds()
        if now > self._last >> _TAIL_BITS:
            self._last = now << _TAIL_BITS | self._random_bits(_TAIL_BITS)
        else:
            self._last += 1 + self._random_bits(_STEP_BITS)
        return uuid7_text(self._last >> _TAIL_BITS, self._last & _TAIL_MASK)
