"""The way of events into the delivery, and what happens when it is full: the memory's way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from smolhog_client.delivery import Delivery
from smolhog_client.overflow import Drops, Overflow, settle_dropped
from smolhog_client.queued import QueuedEvent, Settlement


@dataclass(frozen=True, slots=True)
class Way:
    """What every intake needs to know of where events go."""

    delivery: Delivery
    drops: Drops
    """Counts what is thrown away."""
    on_settlement: Callable[[Settlement], None]
    """Hears of what taking events settled, and that there is something to send."""
    progress: Callable[[], Awaitable[None]]
    """Waits until the delivery may have room, or raises why it never will."""
    seconds: Callable[[], float]
    """A monotonic clock."""


class Intake(Protocol):
    """Takes responsibility for events, in memory or on disk."""

    @property
    def waiting(self) -> int:
        """Events that were taken and are not in the delivery yet."""
        ...

    @property
    def in_line(self) -> int:
        """Events that callers hold until there is room."""
        ...

    def join(self, event: QueuedEvent) -> bool:
        """Take an event at once, if it only joins others that wait to be sent; tells whether it was taken."""
        ...

    async def take(self, events: Sequence[QueuedEvent]) -> None:
        """Take events in this order, behind those of earlier callers, as soon as there is room."""
        ...

    async def hand_over(self) -> None:
        """Wait until everything taken before this call is in the delivery."""
        ...

    def settled(self, rows: Sequence[int]) -> None:
        """Hear that rows of the disk queue are done with."""
        ...


class MemoryIntake:
    """Puts events into the delivery, whose bound is the bound of memory.

    Args:
        way: to the delivery.
        overflow: what to do when it is full.
    """

    def __init__(self, way: Way, overflow: Overflow) -> None:
        self._way = way
        self._delivery = way.delivery
        self._overflow = overflow
        self._line = asyncio.Lock()
        self.in_line = 0

    @property
    def waiting(self) -> int:
        """None: what does not fit has not been taken."""
        return 0

    def join(self, event: QueuedEvent) -> bool:
        """Take an event behind others, unless somebody stands in line."""
        return not self.in_line and self._delivery.join(event)

    async def take(self, events: Sequence[QueuedEvent]) -> None:
        """Take events, or drop some of all, as the policy says."""
        # The lock keeps callers in line while they wait for room.
        self.in_line += len(events)
        start = 0
        try:
            async with self._line:
                while start < len(events):
                    start += await self._take_some(events[start:])
        finally:
            self.in_line -= len(events)

    async def hand_over(self) -> None:
        """Wait for those in line."""
        async with self._line:
            return

    def settled(self, rows: Sequence[int]) -> None:
        """Nothing lies on disk."""

    async def _take_some(self, events: Sequence[QueuedEvent]) -> int:
        """Take the first events, or make room; tells how many are done with."""
        room = self._delivery.room
        if room > 0:
            taken = events[:room]
            self._way.on_settlement(self._delivery.hand_in(taken, self._way.seconds()))
            return len(taken)
        if self._overflow == "block":
            await self._way.progress()
            return 0
        if self._overflow == "drop_oldest" and self._drop_oldest():
            return 0
        self._drop(events)
        return len(events)

    def _drop_oldest(self) -> bool:
        settlement = self._delivery.drop_oldest()
        if settlement is None:  # All are in flight, and may be stored by now.
            return False
        self._way.drops.add(settlement.dropped)
        self._way.on_settlement(settlement)
        return True

    def _drop(self, events: Sequence[QueuedEvent]) -> None:
        settlement = Settlement()
        for event in events:
            settle_dropped(event, settlement)
        self._way.drops.add(len(events))
        self._way.on_settlement(settlement)
