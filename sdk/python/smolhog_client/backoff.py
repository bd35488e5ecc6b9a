"""How long to wait before trying again: a policy, so that tests need not wait."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_LARGEST_EXPONENT = 30
"""2**30 times any sensible base is beyond any cap; more would only risk overflow."""


class Backoff(Protocol):
    """Decides the wait before another try."""

    def delay(self, attempt: int) -> float:
        """Seconds to wait after ``attempt`` failures in a row, counted from 0."""
        ...


@dataclass(frozen=True, slots=True)
class FullJitter:
    """Exponential backoff where each wait is drawn from the whole interval up to its bound.

    The bound doubles from ``base`` to ``cap``. Drawing from zero spreads the clients of a gateway
    that restarted over the whole interval instead of letting them come back in one wave.
    """

    base: float = 0.1
    cap: float = 30.0
    draw: Callable[[], float] = random.random
    """Uniform over [0, 1)."""

    def delay(self, attempt: int) -> float:
        """Seconds to wait after ``attempt`` failures in a row, counted from 0."""
        bound: float = min(self.cap, self.base * 2.0 ** min(attempt, _LARGEST_EXPONENT))
        return self.draw() * bound
