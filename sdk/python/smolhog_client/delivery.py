"""What is on its way to the gateway: a state machine without I/O, clock or randomness.

Every event that is handed in is in exactly one place: in the queue, in one batch in flight, or
settled (accepted or rejected). It is sent again only after its connection was lost or the gateway
said ``retry``. Times are seconds of any monotonic clock and come in as arguments.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from smolhog_client.epochs import Epochs
from smolhog_client.frames import FRAME_OVERHEAD, Limits, Verdict
from smolhog_client.overflow import settle_dropped
from smolhog_client.queued import Batch, DeliverySettings, QueuedEvent, Settlement
from smolhog_client.results import RejectedEvent


class Delivery:
    """The queue, the batches in flight, and the rules by which events move between them."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._limits = Limits()
        self._full_batch = min(settings.batch_events, self._limits.batch_events)
        self._queue: deque[QueuedEvent] = deque()
        self._in_flight: dict[str, Batch] = {}
        self._batches = 0
        self._connected = False
        self._paused_until = float("-inf")
        self._handed_in_at = 0.0
        self._epochs = Epochs()
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
        epoch = self._epochs.current
        for event in events:
            event.epoch = epoch
        sizes = [len(event.body) for event in events]
        self._bytes += sum(sizes)
        self.pending += len(events)
        self._epochs.unsettled[epoch] += len(events)
        self._queue.extend(events)
        if max(sizes, default=0) <= self._limits.frame_bytes - FRAME_OVERHEAD:
            return Settlement()
        return self._drop_oversized(events)

    def join(self, event: QueuedEvent) -> bool:
        """Take one event, if it only joins others that wait: what is to be sent when does not change.

        Else it must come in by ``hand_in``: the first event, the last that fills a batch or the room, and
        those that do not fit.
        """
        waiting = len(self._queue)
        size = len(event.body)
        grown = self._bytes + size
        if (
            waiting == 0
            or waiting + 1 == self._full_batch
            or grown >= self._settings.queue_bytes
            or self.pending + 1 >= self._settings.queue_events
            or size > self._limits.frame_bytes - FRAME_OVERHEAD
        ):
            return False
        epochs = self._epochs
        epoch = event.epoch = epochs.current
        epochs.unsettled[epoch] += 1
        self._bytes = grown
        self.pending += 1
        self._queue.append(event)
        return True

    def drop_oldest(self) -> Settlement | None:
        """Throw the event away that has waited longest and is not in flight; ``None``: there is none."""
        if not self._queue:
            return None
        event = self._queue.popleft()
        self._release(event)
        settlement = Settlement()
        settle_dropped(event, settlement)
        self._epochs.forget_settled()
        return settlement

    def flush(self) -> int:
        """End the epoch, so that nothing handed in so far lingers; returns it, for :meth:`is_settled`."""
        return self._epochs.end()

    def is_settled(self, epoch: int) -> bool:
        """Whether everything handed in up to the end of ``epoch`` is accepted or rejected."""
        return self._epochs.is_settled(epoch)

    def connect(self, limits: Limits) -> Settlement:
        """Start sending under the limits of a gateway's ``welcome``."""
        self._connected = True
        self._limits = limits
        self._full_batch = min(self._settings.batch_events, limits.batch_events)
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
        batch = self._take_batch(now)
        self._handed_in_at = now
        self._in_flight[batch.batch_id] = batch
        return batch

    def wake_at(self) -> float | None:
        """When ``next_batch`` may have something without further input; ``None``: only after input."""
        if not self._may_send():
            return None
        return max(self._paused_until, self._due())

    def acknowledge(self, batch_id: str, verdicts: Sequence[Verdict]) -> Settlement | None:
        """Settle a batch; events with verdict ``retry`` go back to the head of the queue.

        Returns:
            What was settled, or ``None`` if no such batch is in flight. A verdict with an index
            outside the batch says nothing about any event and is passed over.
        """
        batch = self._in_flight.pop(batch_id, None)
        if batch is None:
            return None
        if not verdicts and batch.plain_epoch is not None:
            return self._accept_all(batch, batch.plain_epoch)
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
        self._epochs.forget_settled()
        return settlement

    def refuse(self, batch_id: str, code: str, message: str) -> Settlement | None:
        """Settle a batch that the gateway refused as a whole; ``None`` if it is not in flight."""
        batch = self._in_flight.get(batch_id)
        if batch is None:
            return None
        return self.acknowledge(
            batch_id, [Verdict(index, "rejected", code, message) for index in range(len(batch.events))]
        )

    def give_back(self, batch_id: str) -> None:
        """Put a batch that did not arrive whole back to the head of the queue."""
        batch = self._in_flight.pop(batch_id, None)
        if batch is not None:
            self._queue.extendleft(reversed(batch.events))

    def _take_batch(self, now: float) -> Batch:
        """Move the next batch's events out of the queue, which holds at least one."""
        events = [self._queue.popleft() for _ in range(min(self._full_batch, len(self._queue)))]
        bodies = [event.body for event in events]
        size = sum(map(len, bodies))
        space = self._limits.frame_bytes - FRAME_OVERHEAD
        if size + len(bodies) > space and len(bodies) > 1:
            size, fitting = _fitting(bodies, space)
            self._queue.extendleft(reversed(events[fitting:]))
            del events[fitting:], bodies[fitting:]
        self._batches += 1
        return Batch(f"b{self._batches}", events, bodies, now, size, _plain_epoch(events))

    def _accept_all(self, batch: Batch, epoch: int) -> Settlement:
        """Settle a batch of which nothing is listed, and whose events were handed in alike."""
        count = len(batch.events)
        self.pending -= count
        self._bytes -= batch.size
        self._epochs.unsettled[epoch] -= count
        self.retry_streak = 0
        self._epochs.forget_settled()
        settlement = Settlement(accepted=count)
        submission = batch.events[0].submission
        if submission is not None:
            submission.remaining -= count
            submission.accepted += count
            if submission.remaining == 0:
                settlement.finished.append(submission)
        return settlement

    def _may_send(self) -> bool:
        return self._connected and bool(self._queue) and len(self._in_flight) < self._settings.max_in_flight

    def _due(self) -> float:
        """When the head of the queue has lingered enough: always, where a batch is full or flushed."""
        if (
            len(self._queue) >= self._full_batch
            or self._queue[0].epoch < self._epochs.current
            or self.room <= 0
        ):
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
        self._epochs.forget_settled()
        return settlement

    def _release(self, event: QueuedEvent) -> None:
        self.pending -= 1
        self._bytes -= len(event.body)
        self._epochs.unsettled[event.epoch] -= 1

    def _settle(self, event: QueuedEvent, rejected: RejectedEvent | None, settlement: Settlement) -> None:
        self._release(event)
        if event.row:
            settlement.rows.append(event.row)
        submission = event.submission
        if rejected is None:
            settlement.accepted += 1
        else:
            settlement.rejected.append(rejected)
        if submission is not None and submission.settle(rejected):
            settlement.finished.append(submission)


def _fitting(bodies: Sequence[bytes], space: int) -> tuple[int, int]:
    """Tell how many bytes, and how many of ``bodies``, fit into ``space`` with a comma each; one always does."""
    size = len(bodies[0])
    for count in range(1, len(bodies)):
        grown = size + len(bodies[count])
        if grown + count + 1 > space:
            return size, count
        size = grown
    return size, len(bodies)


def _plain_epoch(events: Sequence[QueuedEvent]) -> int | None:
    """Give the epoch of a batch's events, if they were handed in alike: see :class:`Batch`."""
    epoch, submission = events[0].epoch, events[0].submission
    for event in events:
        if event.epoch != epoch or event.row or event.submission is not submission:
            return None
    return epoch
