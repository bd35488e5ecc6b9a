"""The delivery's rules, as a state machine that does everything in any order."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from smolhog_client.delivery import Delivery
from smolhog_client.frames import FRAME_OVERHEAD, Limits, Verdict
from smolhog_client.queued import DeliverySettings, QueuedEvent, Settlement, Submission

TINY = DeliverySettings(batch_events=3, linger=5.0, max_in_flight=2, queue_events=9, queue_bytes=2_000)
LIMITS = st.builds(
    Limits,
    frame_bytes=st.sampled_from([FRAME_OVERHEAD + 60, FRAME_OVERHEAD + 200, 10_000]),
    batch_events=st.integers(min_value=1, max_value=4),
)


class Deliveries(RuleBasedStateMachine):
    """Every event handed in ends accepted, rejected or pending; none is sent twice without cause."""

    in_flight = Bundle("in_flight")

    def __init__(self) -> None:
        super().__init__()
        self.delivery = Delivery(TINY)
        self.limits = Limits()
        self.now = 0.0
        self.handed_in: list[str] = []
        self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self.sends: Counter[str] = Counter()
        self.allowed: Counter[str] = Counter()
        self.open_batches: dict[str, list[QueuedEvent]] = {}
        self.submissions: list[tuple[Submission, int]] = []
        self.flushes: list[tuple[int, set[str]]] = []
        self.done: set[str] = set()
        self.paused_until = float("-inf")
        self.connected = False

    def note(self, settlement: Settlement) -> None:
        """Keep our own books of what was settled."""
        self.accepted += settlement.accepted
        for rejected in settlement.rejected:
            self.rejected[rejected.event_id] += 1
            self.done.add(rejected.event_id)
        for submission in settlement.finished:
            assert submission.remaining == 0

    @rule(sizes=st.lists(st.sampled_from([10, 50, 100, 5_000]), max_size=5), together=st.booleans())
    def hand_in(self, sizes: list[int], together: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Hand in as many events as there is room for."""
        sizes = sizes[: max(0, self.delivery.room)]
        submission = Submission(len(sizes)) if together else None
        queued = []
        for index, size in enumerate(sizes):
            event_id = f"e{len(self.handed_in)}"
            self.handed_in.append(event_id)
            self.allowed[event_id] = 1
            queued.append(QueuedEvent(event_id, b"x" * size, submission, index))
        if submission is not None:
            self.submissions.append((submission, len(sizes)))
        self.note(self.delivery.hand_in(queued, self.now))

    @rule(size=st.sampled_from([10, 50, 300, 5_000]))
    def join(self, size: int) -> None:
        """An event that joins others changes nothing about when to send, so that nobody need be woken."""
        event_id = f"e{len(self.handed_in)}"
        before = self.delivery.wake_at()
        pending = self.delivery.pending
        if not self.delivery.join(QueuedEvent(event_id, b"x" * size)):
            assert self.delivery.pending == pending
            return
        assert self.delivery.wake_at() == before
        assert pending > 0
        self.handed_in.append(event_id)
        self.allowed[event_id] = 1

    @rule(limits=LIMITS)
    def connect(self, limits: Limits) -> None:
        """A gateway welcomes us."""
        if not self.connected:
            self.connected = True
            self.limits = limits
            self.note(self.delivery.connect(limits))

    @rule()
    def lose_connection(self) -> None:
        """What was in flight may be sent once more."""
        self.connected = False
        self.delivery.disconnect()
        for events in self.open_batches.values():
            self.allowed.update(event.event_id for event in events)
        self.open_batches.clear()

    @rule(target=in_flight)
    def send(self) -> Any:
        """Send a batch if there is one to send; it keeps every limit."""
        expected = self.delivery.wake_at()
        batch = self.delivery.next_batch(self.now)
        assert (batch is not None) == (expected is not None and expected <= self.now)
        if batch is None:
            return None
        assert self.connected
        assert self.now >= self.paused_until
        assert 1 <= len(batch.events) <= min(TINY.batch_events, self.limits.batch_events)
        assert (
            sum(len(event.body) + 1 for event in batch.events) + FRAME_OVERHEAD <= self.limits.frame_bytes + 1
        )
        assert batch.bodies == [event.body for event in batch.events]
        assert batch.size == sum(map(len, batch.bodies))
        self.sends.update(event.event_id for event in batch.events)
        self.open_batches[batch.batch_id] = batch.events
        assert len(self.open_batches) <= TINY.max_in_flight
        return batch.batch_id

    @rule(
        batch_id=consumes(in_flight),
        verdicts=st.lists(
            st.tuples(st.integers(min_value=0, max_value=3), st.sampled_from(["rejected", "retry"])),
            unique_by=lambda pair: pair[0],
        ),
    )
    def acknowledge(self, batch_id: str | None, verdicts: list[tuple[int, Any]]) -> None:
        """An ack, maybe of a connection that is gone."""
        settlement = self.delivery.acknowledge(
            batch_id or "b0", [Verdict(index, result, "code", "message") for index, result in verdicts]
        )
        events = self.open_batches.pop(batch_id or "", None)
        assert (settlement is None) == (events is None)
        if settlement is None or events is None:
            return
        again = {
            events[index].event_id for index, result in verdicts if result == "retry" and index < len(events)
        }
        assert settlement.retried == len(again)
        self.allowed.update(again)
        self.done.update(event.event_id for event in events if event.event_id not in again)
        self.note(settlement)

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 100.0]))
    def let_time_pass(self, seconds: float) -> None:
        """Time is an argument."""
        self.now += seconds

    @rule(seconds=st.sampled_from([0.0, 1.0, 50.0]))
    def pause(self, seconds: float) -> None:
        """The gateway asks us to slow down."""
        self.delivery.pause(self.now + seconds)
        self.paused_until = max(self.paused_until, self.now + seconds)

    @rule()
    def flush(self) -> None:
        """A flush waits for exactly what was handed in before it."""
        self.flushes.append((self.delivery.flush(), set(self.handed_in)))

    @invariant()
    def every_event_is_in_one_place(self) -> None:
        """Handed in = accepted + rejected + pending, and the bounds hold."""
        assert len(self.handed_in) == self.accepted + sum(self.rejected.values()) + self.delivery.pending
        assert self.delivery.pending <= TINY.queue_events
        assert len(self.done) == self.accepted + len(self.rejected)
        assert all(count == 1 for count in self.rejected.values())

    @invariant()
    def nothing_is_sent_twice_without_cause(self) -> None:
        """Each send needs a hand-in, a lost connection or a ``retry`` of its own."""
        assert all(count <= self.allowed[event_id] for event_id, count in self.sends.items())

    @invariant()
    def flushes_and_submissions_end_with_their_events(self) -> None:
        """A flush is settled when its events are; a submission counts its verdicts."""
        for epoch, covered in self.flushes:
            assert self.delivery.is_settled(epoch) == (covered <= self.done)
        for submission, size in self.submissions:
            assert submission.accepted + len(submission.rejected) + submission.remaining == size

    def teardown(self) -> None:
        """With a gateway that works, everything left is delivered, each event once more at most."""
        self.lose_connection()
        self.connect(Limits())
        self.delivery.flush()
        while self.delivery.pending:
            self.now += 1_000
            batch_id = self.send()
            assert batch_id is not None
            self.acknowledge(batch_id, [])
        self.every_event_is_in_one_place()
        self.nothing_is_sent_twice_without_cause()
        assert self.done == set(self.handed_in)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_only_what_changes_nothing_joins() -> None:
    """The first event, the one that fills a batch and the one that fills the queue are handed in."""
    delivery = Delivery(DeliverySettings(batch_events=4, linger=5, queue_events=7))
    assert not delivery.join(QueuedEvent("e0", b"{}"))
    taken = []
    for n in range(7):
        event = QueuedEvent(f"e{n}", b"{}")
        taken.append(delivery.join(event))
        if not taken[-1]:
            delivery.hand_in([event], now=0)
    assert taken == [False, True, True, False, True, True, False]
    assert delivery.room == 0
    assert not delivery.join(QueuedEvent("e7", b"{}"))


def test_what_comes_back_keeps_its_place() -> None:
    """After a lost connection the old order is sent again, before anything newer."""
    delivery = Delivery(DeliverySettings(batch_events=2, linger=0, max_in_flight=9))
    delivery.connect(Limits())
    delivery.hand_in([QueuedEvent(f"e{n}", b"{}") for n in range(5)], now=0)
    assert delivery.next_batch(0)
    assert delivery.next_batch(0)
    delivery.disconnect()
    delivery.connect(Limits())
    sent = []
    while batch := delivery.next_batch(1):
        sent += [event.event_id for event in batch.events]
    assert sent == ["e0", "e1", "e2", "e3", "e4"]
