"""How many events a second a write key may send. Pure: the clock is an argument.

A bucket may go into debt: a batch that was let in counts whole, and the next one waits until the debt
is paid. So whether there is room is known before a body is read, a batch may be larger than the
burst, and nothing that was taken is ever given back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

_FORGET_ABOVE = 10_000


@dataclass(slots=True)
class TokenBucket:
    """The allowance of one key.

    Args:
        rate: events a second, for long.
        burst: events at once after a silence.
        at: seconds of any clock that does not run backwards.
    """

    rate: float
    burst: float
    at: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def wait(self, now: float) -> float:
        """Return the seconds until a batch may come; 0 if it may now."""
        self._fill(now)
        # A token's worth, so that rounding never makes a wait of no time.
        return 0.0 if self.tokens > 0 else (1 - self.tokens) / self.rate

    def take(self, events: int, now: float) -> None:
        """Count a batch that was let in."""
        self._fill(now)
        self.tokens -= events

    def is_full(self, now: float) -> bool:
        """Whether the bucket is as a new one would be."""
        self._fill(now)
        return self.tokens >= self.burst

    def _fill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)


class KeyRates:
    """The buckets of all write keys of a gateway.

    Args:
        rate: events a second; 0 for no limit.
        burst: events at once.
        clock: seconds that do not run backwards.
    """

    def __init__(self, rate: int, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[int, TokenBucket] = {}

    def wait(self, key_id: int) -> float:
        """Return the seconds that a key has to wait before its next batch; mostly 0."""
        bucket = self._buckets.get(key_id)
        return 0.0 if bucket is None else bucket.wait(self._clock())

    def take(self, key_id: int, events: int) -> None:
        """Count the events of a batch that was let in."""
        if self._rate == 0:
            return
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            if len(self._buckets) >= _FORGET_ABOVE:
                self._forget_the_idle(now)
            bucket = self._buckets[key_id] = TokenBucket(self._rate, self._burst, now)
        bucket.take(events, now)

    def _forget_the_idle(self, now: float) -> None:
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.is_full(now)}
