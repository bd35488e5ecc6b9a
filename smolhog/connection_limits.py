"""How many connections a server holds, over all and of one client address. Pure: no I/O, no clock."""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Most connections at once."""

    overall: int = 20_000
    per_address: int = 5_000
    per_key: int = 10_000
    """WebSocket sessions that one write key has open."""
    unfinished_bytes: int = 256 * 1024**2
    """Of bodies and messages that are not handled yet, over all connections."""


class Tally:
    """Counts who holds how many of something, up to a bound each. What is not held takes no memory.

    Args:
        most: that one holder may have.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[Hashable] = Counter()

    def enter(self, holder: Hashable) -> bool:
        """Count one more, unless the holder has all that it may have; says which."""
        if self._held[holder] >= self._most:
            return False
        self._held[holder] += 1
        return True

    def leave(self, holder: Hashable) -> None:
        """Count one less, of those that were let in."""
        self._held[holder] -= 1
        if self._held[holder] <= 0:
            del self._held[holder]

    def held(self, holder: Hashable) -> int:
        """Return how many a holder has."""
        return self._held.get(holder, 0)

    def __len__(self) -> int:
        return len(self._held)


class ByteBudget:
    """Memory that clients fill, over all connections.

    Args:
        most: bytes at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    def hold(self, size: int) -> bool:
        """Count bytes that came, unless there is no room; says which."""
        if self.held + size > self._most:
            return False
        self.held += size
        return True

    def release(self, size: int) -> None:
        """Give the room of bytes back that were held."""
        self.held -= size


class Doorkeeper:
    """Lets connections in, and their bytes.

    Args:
        limits: most connections.
        is_exempt: whether an address stands for many clients (a trusted proxy), so that only the bound over
            all counts for it.
    """

    def __init__(self, limits: ConnectionLimits, is_exempt: Callable[[str], bool] | None = None) -> None:
        self.unfinished = ByteBudget(limits.unfinished_bytes)
        self._overall = Tally(limits.overall)
        self._addresses = Tally(limits.per_address)
        self._is_exempt = is_exempt or _nobody

    def enter(self, address: str | None) -> bool:
        """Let a connection in, or not."""
        if not self._overall.enter(None):
            return False
        if self._counts(address) and not self._addresses.enter(address):
            self._overall.leave(None)
            return False
        return True

    def leave(self, address: str | None) -> None:
        """Take note that a connection which was let in has ended."""
        self._overall.leave(None)
        if self._counts(address):
            self._addresses.leave(address)

    @property
    def inside(self) -> int:
        """Connections that are open."""
        return self._overall.held(None)

    def _counts(self, address: str | None) -> bool:
        return address is not None and not self._is_exempt(address)


def _nobody(_: str) -> bool:
    return False
