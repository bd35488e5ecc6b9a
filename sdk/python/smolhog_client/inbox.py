"""Events from many threads on their way to one loop."""

import threading
from collections import deque
from collections.abc import Callable

from smolhog_client.overflow import Drops, Overflow
from smolhog_client.queued import QueuedEvent


class Inbox:
    """A bounded queue that threads fill and one loop empties.

    Args:
        most_events: its bound.
        most_bytes: its bound in bytes of JSON.
        overflow: what to do at the bound.
        drops: counts what is thrown away.
    """

    def __init__(self, most_events: int, most_bytes: int, overflow: Overflow, drops: Drops) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._overflow = overflow
        self._drops = drops
        self._events: deque[QueuedEvent] = deque()
        self._bytes = 0
        self._has_room = threading.Condition()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._events)

    def put(
        self, make: Callable[[], QueuedEvent], may_wait: Callable[[], bool]
    ) -> tuple[QueuedEvent, bool] | None:
        """Add an event, as the policy says.

        Args:
            make: builds it; called by one thread at a time.
            may_wait: asked when it is full; the thread that empties it must not wait, and passes the bound.

        Returns:
            The event, and whether the inbox was empty, so that the loop must be told; ``None`` when closed.
        """
        dropped = 0
        with self._has_room:
            while not self._is_closed and self._overflow == "block" and self._is_full() and may_wait():
                self._has_room.wait()
            if self._is_closed:
                return None
            event = make()
            was_empty = not self._events
            if self._overflow != "block" and self._is_full():
                dropped = 1
            if dropped and self._overflow == "drop_oldest":
                self._bytes -= len(self._events.popleft().body)
            if not dropped or self._overflow == "drop_oldest":
                self._events.append(event)
                self._bytes += len(event.body)
        if dropped:
            self._drops.add(dropped)
        return event, was_empty

    def take_all(self) -> list[QueuedEvent]:
        """Empty it."""
        with self._has_room:
            events = list(self._events)
            self._events.clear()
            self._bytes = 0
            self._has_room.notify_all()
        return events

    def close(self) -> None:
        """Take nothing more; threads that wait go on."""
        with self._has_room:
            self._is_closed = True
            self._has_room.notify_all()

    def _is_full(self) -> bool:
        return len(self._events) >= self._most_events or self._bytes >= self._most_bytes
