"""One client of the live stream: what waits for it, in bounded memory."""

import asyncio

from query_api.errors import RequestError
from query_api.event_rows import EventRow
from query_api.live.frames import CountsFrame, EventsFrame, Watch
from query_api.live.statements import EVENTS_A_FRAME


class Subscriber:
    """Holds the newest events and counts until the client takes them. A slow one misses events and is told how many.

    Args:
        project_id: whose events.
        watch: which of them.
    """

    def __init__(self, project_id: int, watch: Watch) -> None:
        self.project_id = project_id
        self.watch = watch
        self.stored = 0
        """Events of the project since the beginning."""
        self.error: RequestError | None = None
        """For which the connection ends."""
        self._events: list[EventRow] = []
        self._skipped = 0
        self._counts: CountsFrame | None = None
        self._filled = asyncio.Event()

    def give_events(self, events: list[EventRow], matched: int) -> None:
        """Hand over events, the newest last, of the ``matched`` that there are."""
        waiting = self._events + events
        self._events = waiting[-EVENTS_A_FRAME:]
        self._skipped += matched - len(events) + len(waiting) - len(self._events)
        self._filled.set()

    def give_counts(self, counts: CountsFrame) -> None:
        """Hand over counts; older ones that still wait are worth nothing now."""
        self._counts = counts
        self._filled.set()

    def fail(self, error: RequestError) -> None:
        """End the connection."""
        self.error = error
        self._filled.set()

    async def take(self) -> list[EventsFrame | CountsFrame]:
        """Wait for something to send."""
        await self._filled.wait()
        self._filled.clear()
        frames: list[EventsFrame | CountsFrame] = []
        if self._events or self._skipped:
            # Built of what was checked when it was stored.
            frames.append(
                EventsFrame.model_construct(type="events", events=self._events, skipped=self._skipped)
            )
            self._events, self._skipped = [], 0
        if self._counts is not None:
            frames.append(self._counts)
            self._counts = None
        return frames
