"""What happens to events when there is no room for them, and the count of those thrown away."""

import logging
import time
from collections.abc import Callable
from typing import Literal

from smolhog_client.queued import QueuedEvent, Settlement
from smolhog_client.results import RejectedEvent

_log = logging.getLogger("smolhog_client")

Overflow = Literal["block", "drop_oldest", "drop_newest"]
"""``block``: callers wait. ``drop_oldest``: the longest waiting event goes. ``drop_newest``: the new one."""

DROPPED = "dropped"
"""The code of a dropped event in a ``BatchResult``; it never comes from a gateway."""

_SECONDS_BETWEEN_WARNINGS = 10.0


def settle_dropped(event: QueuedEvent, settlement: Settlement) -> None:
    """Write into ``settlement`` that an event was thrown away; whoever waits for it gets a verdict."""
    settlement.dropped += 1
    if event.row:
        settlement.rows.append(event.row)
    message = "the queue was full; the event was not sent"
    submission = event.submission
    if submission is not None and submission.settle(
        RejectedEvent(event.index, event.event_id, DROPPED, message)
    ):
        settlement.finished.append(submission)


class Drops:
    """Counts dropped events, and says so: to the program's callback, and now and then to the log.

    Args:
        on_dropped: called with how many events were dropped at once.
        seconds: a monotonic clock.
    """

    def __init__(
        self, on_dropped: Callable[[int], None] | None, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_dropped = on_dropped
        self._seconds = seconds
        self._warned_at = float("-inf")
        self._warned_of = 0
        self.count = 0
        """Events dropped so far."""

    def add(self, count: int) -> None:
        """Count ``count`` more."""
        self.count += count
        now = self._seconds()
        if now >= self._warned_at + _SECONDS_BETWEEN_WARNINGS:
            _log.warning(
                "smolhog: the queue is full, %d events dropped, %d in all",
                self.count - self._warned_of,
                self.count,
            )
            self._warned_at, self._warned_of = now, self.count
        if self._on_dropped is None:
            return
        try:
            self._on_dropped(count)
        except Exception:  # noqa: BLE001 - logged whole; it is the program's, and anything
            # A program's callback must not end the delivery of everything else.
            _log.exception("smolhog: on_dropped failed")
