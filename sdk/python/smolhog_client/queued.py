"""Events on their way, and what becomes of them: the words that delivery, sessions and client share."""

from dataclasses import dataclass, field

from msgspec import Struct

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

    def settle(self, rejected: RejectedEvent | None) -> bool:
        """Note the verdict on one event, ``None`` being accepted; tells whether nothing remains."""
        self.remaining -= 1
        if rejected is None:
            self.accepted += 1
        else:
            self.rejected.append(rejected)
        return self.remaining == 0

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
    row: int = 0
    """Where it lies in the disk queue; 0: nowhere."""


@dataclass(slots=True)
class Batch:
    """Events to send in one frame. A batch sent again is a new batch with a new id."""

    batch_id: str
    events: list[QueuedEvent]
    bodies: list[bytes]
    """The events' JSON."""
    sent: float
    size: int
    """Bytes of ``bodies``."""
    plain_epoch: int | None
    """The epoch of all events, if they have it and their submission in common, and are not on disk."""


@dataclass(slots=True)
class Settlement:
    """What one input settled."""

    accepted: int = 0
    rejected: list[RejectedEvent] = field(default_factory=list)
    retried: int = 0
    """Events that went back to the queue because the gateway asked for them again."""
    dropped: int = 0
    """Events thrown away for want of room."""
    finished: list[Submission] = field(default_factory=list)
    """Submissions of which nothing remains."""
    rows: list[int] = field(default_factory=list)
    """Rows of the disk queue whose events are settled."""
