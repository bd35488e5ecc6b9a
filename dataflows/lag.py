"""How far the stores are behind a partition of the event log, in messages and in seconds.

An offset does not tell when its message was appended. So the log's end is looked at every few
seconds: a message that was first behind the end at one look was appended between that look and the
one before. What waited before the first look is dated by the log time of what is stored.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple


class LagReading(NamedTuple):
    """How far the stores are behind at one moment."""

    messages: int
    seconds: float


@dataclass(slots=True)
class Progress:
    """How far both stores have come with one partition; written by the sink, read by the watch.

    Attributes:
        next_offset: before it, every message is stored.
        log_time: of what is stored, in seconds since 1970; ``None`` while nothing is.
        snapshot_at: when the last snapshot was finished, in seconds since 1970.
    """

    next_offset: int
    log_time: float | None
    snapshot_at: float

    def stored(self, next_offset: int, log_time: float | None, now: float) -> None:
        """Say that an epoch ended, and everything before ``next_offset`` is stored.

        A dataflow that was restarted replays what is stored already: that is no step back.
        """
        self.snapshot_at = now
        if next_offset > self.next_offset:
            self.next_offset = next_offset
            self.log_time = log_time if log_time is not None else self.log_time


class Lag:
    """Remembers when the end of one partition was seen where."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque()
        self._first_end: int | None = None

    def read(self, now: float, end: int, progress: Progress) -> LagReading:
        """Take a look.

        Args:
            now: in seconds since 1970.
            end: of the log now.
            progress: of the stores; read before ``end`` was asked for or after, it does not matter.
        """
        stored = progress.next_offset
        if self._first_end is None:
            self._first_end = end
        if not self._ends or end > self._ends[-1][1]:
            self._ends.append((now, end))
        while self._ends and self._ends[0][1] <= stored:
            self._ends.popleft()
        if end <= stored:
            return LagReading(0, 0.0)
        since = self._ends[0][0]
        if stored < self._first_end and progress.log_time is not None:
            since = min(since, progress.log_time)
        return LagReading(end - stored, max(0.0, now - since))
