"""What was sent and what was promised: the one account that no store has a hand in."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SentEvent:
    """A good event, as a client sends it with every attempt."""

    event_id: str
    event: str
    distinct_id: str
    timestamp: datetime | None
    session_id: str | None
    properties: dict[str, Any]

    @property
    def text(self) -> str:
        """Its JSON."""
        fields = {
            "event_id": self.event_id,
            "event": self.event,
            "distinct_id": self.distinct_id,
            "timestamp": None if self.timestamp is None else self.timestamp.isoformat(),
            "session_id": self.session_id,
            "properties": self.properties,
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None})


@dataclass(frozen=True, slots=True)
class PoisonEvent:
    """An event that nobody may store, and the reason that must be given."""

    event_id: str
    text: str
    reason: str


Item = SentEvent | PoisonEvent


@dataclass
class Ledger:
    """Every event by its id, each attempt to send it, and the gateway's last word on it.

    An id that is neither in `acked` nor in `rejected` is unknown: its client never got an answer.
    """

    events: dict[str, SentEvent] = field(default_factory=dict)
    poison: dict[str, PoisonEvent] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    clocks: dict[str, list[set[datetime]]] = field(default_factory=dict)
    """What may have stood as `sent_at` over the attempts of an event."""
    acked: set[str] = field(default_factory=set)
    rejected: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    """Answers that no client may ever get, whatever breaks behind the gateway."""

    def note_attempt(self, items: list[Item], clocks: set[datetime]) -> None:
        """Write down that these are sent now, before they are.

        Args:
            items: of one batch.
            clocks: holds the batch's `sent_at`; kept, so a client that cannot know it may still add to it.
        """
        for item in items:
            if isinstance(item, SentEvent):
                self.events[item.event_id] = item
            else:
                self.poison[item.event_id] = item
            self.attempts[item.event_id] += 1
            self.clocks.setdefault(item.event_id, []).append(clocks)

    def note_acked(self, item: Item) -> None:
        """Write down that the gateway called this durable."""
        self.acked.add(item.event_id)

    def note_rejected(self, item: Item, code: str) -> None:
        """Write down that the gateway refused this for good, and why."""
        self.rejected[item.event_id] = code

    def note_refusal(self, what: str) -> None:
        """Write down an answer that makes clients give up."""
        self.refusals.append(what)

    @property
    def answered(self) -> int:
        """Ids with a final answer."""
        return len(self.acked | self.rejected.keys())

    @property
    def unknown(self) -> int:
        """Ids without one."""
        return len(self.attempts) - self.answered

    def may_have_happened(self, event_id: str, at: datetime, received_at: datetime) -> bool:
        """Whether `at` is the corrected time of one of the event's attempts.

        The rule of the wire protocol: received_at - (sent_at - timestamp), not after received_at, not
        before 1970; without `timestamp` it happened on arrival.
        """
        timestamp = self.events[event_id].timestamp
        if timestamp is None:
            return at == received_at
        return any(
            at == max(EARLIEST, min(received_at, received_at - (sent_at - timestamp)))
            for sent_at in set().union(*self.clocks[event_id])
        )
