"""Events from many threads on their way to one loop."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

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
        # Taken for each event, so by itself: the condition's own methods are calls of Python.
        self._lock = threading.RLock()
        self._has_room = threading.Condition(self._lock)
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._events)

    def put(
        self,
        make: Callable[..., QueuedEvent],
        arguments: tuple[Any, ...],
        may_wait: Callable[[], bool],
    ) -> tuple[QueuedEvent, bool] | None:
        """Add an event, as the policy says.

        Args:
            make: builds it of ``arguments``; called by one thread at a time.
            arguments: of the event.
            may_wait: asked when it is full; the thread that empties it must not wait, and passes the bound.

        Returns:
            The event, and whether the inbox was empty, so that the loop must be told; ``None`` when closed.
        """
        with self._lock:
            is_full = self._is_full()
            while is_full and self._overflow == "block" and not self._is_closed and may_wait():
                self._has_room.wait()
                is_full = self._is_full()
            if self._is_closed:
                return None
            event = make(*arguments)
            was_empty = not self._events
            is_dropping = is_full and self._overflow != "block"
            if is_dropping and self._overflow == "drop_oldest":
                self._bytes -= len(self._events.popleft().body)
            if not is_dropping or self._overflow == "drop_oldest":
                self._events.append(event)
                self._bytes += len(event.body)
        if is_dropping:
            self._drops.add(1)
        return event, was_empty

    def take_all(self) -> list[QueuedEvent]:
        """Empty it."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
            self._bytes = 0
            self._has_room.notify_all()
        return events

    def close(self) -> None:
        """Take nothing more; threads that wait go on."""
        with self._lock:
            self._is_closed = True
            self._has_room.notify_all()

    def _is_full(self) -> bool:
        return len(self._events) >= self._most_events or self._bytes >= self._most_bytes
