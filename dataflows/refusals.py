"""Watches how many events the dataflow refuses of those that the gateway took."""

from dataflows.errors import TooManyRejected

WINDOW = 10_000
"""Events that are looked at together, at least."""

UNREADABLE_EVENTS = 100
"""Events that a message which cannot be read stands for: how many nobody can tell."""


class RefusalWatch:
    """Raises when too many of the last events were refused.

    Args:
        partition: of the event log, for the error.
        max_ratio: of refused to all events, above which to stop; 1 never stops.
    """

    def __init__(self, partition: int, max_ratio: float) -> None:
        self._partition = partition
        self._max_ratio = max_ratio
        self._received = 0
        self._refused = 0

    def add(self, received: int, refused: int) -> None:
        """Count the events of one batch, before it is handed on.

        Raises:
            TooManyRejected: of the last ``WINDOW`` events or more, too many were refused.
        """
        self._received += received
        self._refused += refused
        if self._received < WINDOW:
            return
        if self._refused > self._max_ratio * self._received:
            raise TooManyRejected(self._partition, self._refused, self._received)
        self._received = self._refused = 0
