"""What is on its way to the gateway: a state machine without I/O, clock or randomness.

Every event that is handed in is in exactly one place: in the queue, in one batch in flight, or
settled (accepted or rejected). It is sent again only after its connection was lost or the gateway
said ``retry``. Times are seconds of any monotonic clock and come in as arguments.

Events belong to *epochs*: ``flush`` ends the current one. An event of an ended epoch does not
linger, and a flush is done when all epochs up to its own are settled.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from smolhog_client.frames import FRAME_OVERHEAD, Limits, Verdict
from smolhog_client.results import BatchResult, RejectedEvent


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Bounds of what is held and sent."""

    batch_events: int = 500
    """Most events in one batch; the gateway's own limit holds too."""
    linger: float = 0.02
    """Seconds that an event may wait for company."""
    max_in_flight: int = 16
    """Batches sent and not yet acknowledged."""
    queue_events: int = 20_000
    """Events held, queued and in flight together."""
    queue_bytes: int = 64 * 1024 * 1024
    """The same in bytes of JSON; one event may pass it, so that any event can be sent."""


class Submission:
    """Events that were handed in together and whose verdicts are wanted together."""

    __slots__ = ("accepted", "rejected", "remaining")

    def __init__(self, size: int) -> None:
        self.remaining = size
        self.accepted = 0
        self.rejected: list[RejectedEvent] = []

    def result(self) -> BatchResult:
        """Give the verdicts; final once nothing remains."""
        return BatchResult(self.accepted, tuple(sorted(self.rejected)))


class QueuedEvent(Struct, gc=False):
    """An event on its way."""

    event_id: str
    body: bytes
    """Its JSON."""
    submission: Submission | None = None
    index: int = 0
    """Place in its submission."""
    epoch: int = 0
    """Set when it is handed in."""


@dataclass(slots=True)
class Batch:
    """Events to send in one frame. A batch sent again is a new batch with a new id."""

    batch_id: str
    events: list[QueuedEvent]
    sent: float


@dataclass(slots=True)
class Settlement:
    """What one input settled."""

    accepted: int = 0
    rejected: list[RejectedEvent] = field(default_factory=list)
    retried: int = 0
    """Events that went back to the queue because the gateway asked for them again."""
    finished: list[Submission] = field(default_factory=list)
    """Submissions of which nothing remains."""


class Delivery:
    """The queue, the batches in flight, and the rules by which events move between them."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._limits = Limits()
        self._queue: deque[QueuedEvent] = deque()
        self._in_flight: dict[str, Batch] = {}
        self._batches = 0
        self._connected = False
        self._paused_until = float("-inf")
        self._handed_in_at = 0.0
        self._epoch = 0
        self._unsettled: dict[int, int] = {0: 0}
        self._bytes = 0
        self.pending = 0
        """Events that are neither accepted nor rejected."""
        self.retry_streak = 0
        """Acks in a row that asked for events again."""

    @property
    def room(self) -> int:
        """How many events may be handed in now."""
        if self._bytes >= self._settings.queue_bytes:
            return 0
        return self._settings.queue_events - self.pending

    @property
    def oldest_sent(self) -> float | None:
        """When the batch that has waited longest for its ack was sent."""
        return next((batch.sent for batch in self._in_flight.values()), None)

    def hand_in(self, events: Sequence[QueuedEvent], now: float) -> Settlement:
        """Take responsibility for ``events``; the caller has looked at ``room``.

        Events that no frame can hold are rejected at once.
        """
        if not self._queue:
            self._handed_in_at = now
        for event in events:
            event.epoch = self._epoch
            self._bytes += len(event.body)
        self.pending += len(events)
        self._unsettled[self._epoch] += len(events)
        self._queue.extend(events)
        return self._drop_oversized(events)

    def flush(self) -> int:
        """End the epoch, so that nothing handed in so far lingers.

        Returns:
            The ended epoch, for :meth:`is_settled`.
        """
        ended = self._epoch
        self._epoch += 1
        self._unsettled[self._epoch] = 0
        self._forget_settled_epochs()
        return ended

    def is_settled(self, epoch: int) -> bool:
        """Whether everything handed in up to the end of ``epoch`` is accepted or rejected."""
        return min(self._unsettled) > epoch

    def connect(self, limits: Limits) -> Settlement:
        """Start sending under the limits of a gateway's ``welcome``."""
        self._connected = True
        self._limits = limits
        return self._drop_oversized(self._queue)

    def disconnect(self) -> None:
        """Put everything in flight back to the head of the queue, in its old order."""
        self._connected = False
        for batch in reversed(self._in_flight.values()):
            self._queue.extendleft(reversed(batch.events))
        self._in_flight.clear()

    def pause(self, until: float) -> None:
        """Send nothing before ``until``, or before a later time set earlier."""
        self._paused_until = max(self._paused_until, until)

    def next_batch(self, now: float) -> Batch | None:
        """Give the batch to send now, or ``None`` when there is none to send yet."""
        if not self._may_send() or now < self._paused_until or now < self._due():
            return None
        events: list[QueuedEvent] = []
        most = min(self._settings.batch_events, self._limits.batch_events, len(self._queue))
        space = self._limits.frame_bytes - FRAME_OVERHEAD
        while len(events) < most:
            space -= len(self._queue[0].body) + 1
            if space < 0 and events:
                break
            events.append(self._queue.popleft())
        self._handed_in_at = now
        self._batches += 1
        batch = Batch(f"b{self._batches}", events, now)
        self._in_flight[batch.batch_id] = batch
        return batch

    def wake_at(self) -> float | None:
        """When ``next_batch`` may have something without further input; ``None``: only after input."""
        if not self._may_send():
            return None
        return max(self._paused_until, self._due())

    def acknowledge(self, batch_id: str, verdicts: Iterable[Verdict]) -> Settlement | None:
        """Settle a batch; events with verdict ``retry`` go back to the head of the queue.

        Returns:
            What was settled, or ``None`` if no such batch is in flight. A verdict with an index
            outside the batch says nothing about any event and is passed over.
        """
        batch = self._in_flight.pop(batch_id, None)
        if batch is None:
            return None
        settlement = Settlement()
        special = {verdict.index: verdict for verdict in verdicts}
        again: list[QueuedEvent] = []
        for index, event in enumerate(batch.events):
            verdict = special.get(index)
            if verdict is None:
                self._settle(event, None, settlement)
            elif verdict.result == "retry":
                again.append(event)
            else:
                rejected = RejectedEvent(event.index, event.event_id, verdict.code, verdict.message)
                self._settle(event, rejected, settlement)
        self._queue.extendleft(reversed(again))
        settlement.retried = len(again)
        self.retry_streak = self.retry_streak + 1 if again else 0
        self._forget_settled_epochs()
        return settlement

    def refuse(self, batch_id: str, code: str, message: str) -> Settlement | None:
        """Settle a batch that the gateway refused as a whole; ``None`` if it is not in flight."""
        batch = self._in_flight.get(batch_id)
        if batch is None:
            return None
        return self.acknowledge(
            batch_id, [Verdict(index, "rejected", code, message) for index in range(len(batch.events))]
        )

    def _may_send(self) -> bool:
        return self._connected and bool(self._queue) and len(self._in_flight) < self._settings.max_in_flight

    def _due(self) -> float:
        """When the head of the queue has lingered enough: always, where a batch is full or flushed."""
        full = len(self._queue) >= min(self._settings.batch_events, self._limits.batch_events)
        if full or self._queue[0].epoch < self._epoch or self.room <= 0:
            return float("-inf")
        return self._handed_in_at + self._settings.linger

    def _drop_oversized(self, candidates: Iterable[QueuedEvent]) -> Settlement:
        settlement = Settlement()
        most = self._limits.frame_bytes - FRAME_OVERHEAD
        oversized = [event for event in candidates if len(event.body) > most]
        for event in oversized:
            message = f"the event takes {len(event.body)} bytes; a frame holds {most}"
            self._queue.remove(event)
            self._settle(
                event, RejectedEvent(event.index, event.event_id, "event_too_large", message), settlement
            )
        self._forget_settled_epochs()
        return settlement

    def _settle(self, event: QueuedEvent, rejected: RejectedEvent | None, settlement: Settlement) -> None:
        self.pending -= 1
        self._bytes -= len(event.body)
        self._unsettled[event.epoch] -= 1
        submission = event.submission
        if rejected is None:
            settlement.accepted += 1
        else:
            settlement.rejected.append(rejected)
        if submission is None:
            return
        submission.remaining -= 1
        if rejected is None:
            submission.accepted += 1
        else:
            submission.rejected.append(rejected)
        if submission.remaining == 0:
            settlement.finished.append(submission)

    def _forget_settled_epochs(self) -> None:
        for epoch in [epoch for epoch, count in self._unsettled.items() if count == 0]:
            if epoch != self._epoch:
                del self._unsettled[epoch]
