"""Tells the time to partitions in which nothing happens, through the log itself.

A window is closed by the time of arrival of later messages. Where none arrive it would stay open, and one idle
partition would hold back every total over all. A clock must not close it: a replay would close it elsewhere.
So an idle partition is sent a message without events, whose time of arrival is now; from then on the time is
in the log, where every replay finds it.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from schemas.envelope import SubBatch, encode_sub_batch, join_sub_batches

EVERY_SECONDS = 5.0
SOURCE = "flow.tick"
"""Stands in the message where an event's protocol would."""


class Ticks:
    """Decides when a partition is told the time.

    Args:
        append: appends a message to a partition and does not wait for it.
        every: seconds that a partition is idle before, and between two messages.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        append: Callable[[int, bytes], None],
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._append = append
        self._every = every
        self._clock = clock
        self._since: dict[str, float] = {}
        self.wanted = False
        """Whether anybody waits for the time."""

    def busy(self, partition: str) -> None:
        """Say that messages came."""
        self._since[partition] = self._clock()

    def idle(self, partition: str) -> None:
        """Say that none came; tells the partition the time if that is so for long."""
        now = self._clock()
        since = self._since.setdefault(partition, now)
        if self.wanted and now - since >= self._every:
            self._since[partition] = now
            self._append(int(partition), tick(datetime.now(UTC)))


def tick(now: datetime) -> bytes:
    """Return a message without events that arrives at a time."""
    empty = SubBatch(0, now, None, SOURCE, None, None, None, [])
    return join_sub_batches([encode_sub_batch(empty)])
