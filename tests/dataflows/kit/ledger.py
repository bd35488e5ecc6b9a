"""What the crash suite sends: known to the last event, with late events, repeats and rejects among it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from dataflows.kit.ticks import tick
from schemas.envelope import LogEvent, SubBatch, encode_sub_batch, join_sub_batches, partition_of

BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_PER_MESSAGE = 15
_SPAN = timedelta(minutes=40)


@dataclass(frozen=True)
class Sent:
    """An event as an oracle sees it."""

    number: int
    """In the order in which events arrive."""
    event_id: str
    name: str
    user: str
    time: datetime
    amount: int
    currency: str
    partition: int
    message: int
    """Of its partition."""


@dataclass(frozen=True)
class Ledger:
    """Messages for the log, and what they hold."""

    messages: list[tuple[int, bytes]]
    events: list[Sent]
    """Each once, in the order of arrival."""
    arrivals: dict[tuple[int, int], datetime]
    """When each message arrived, by partition and number."""

    def on_time(self, sent: Sent, grace: timedelta = timedelta(minutes=2)) -> bool:
        """Whether the minute of an event had not been closed in its partition when it came."""
        newest = max(self.arrivals[sent.partition, number] for number in range(sent.message + 1))
        return newest <= sent.time.replace(second=0) + timedelta(minutes=1) + grace


def make_ledger(count: int, seed: int, partitions: int = 2) -> Ledger:
    """Make messages of so many events over 40 minutes.

    A tenth are up to 20 minutes late; a twentieth are sent again later. The last messages close all windows.
    """
    chance = random.Random(seed)
    waiting: dict[int, list[LogEvent]] = {number: [] for number in range(partitions)}
    lengths = dict.fromkeys(waiting, 0)
    messages: list[tuple[int, bytes]] = []
    arrivals: dict[tuple[int, int], datetime] = {}
    events: list[Sent] = []
    old: list[tuple[int, LogEvent]] = []

    def send(partition: int, now: datetime) -> None:
        batch = SubBatch(1, now, None, "test", None, None, None, waiting[partition].copy())
        waiting[partition].clear()
        messages.append((partition, join_sub_batches([encode_sub_batch(batch)])))
        arrivals[partition, lengths[partition]] = now
        lengths[partition] += 1

    now = BEGIN
    for number in range(count):
        now = BEGIN + _SPAN * number / count
        late = timedelta(seconds=chance.randrange(1200)) if chance.random() < 0.1 else timedelta()
        at = max(BEGIN, now - late - timedelta(seconds=chance.randrange(5)))
        user = f"user_{chance.randrange(30)}"
        name = chance.choice(["view", "view", "cart", "purchase"])
        amount, currency = chance.randrange(1, 100), chance.choice(["EUR", "USD"])
        logged = LogEvent(
            str(UUID(int=chance.getrandbits(128), version=4)),
            name,
            user,
            at,
            None,
            msgspec.Raw(
                msgspec.json.encode({"amount": amount, "currency": currency, "email": f"{user}@x.org"})
            ),
        )
        partition = partition_of(1, user, partitions)
        sent = Sent(number, logged.event_id, name, user, at, amount, currency, partition, lengths[partition])
        events.append(sent)
        waiting[partition].append(logged)
        if chance.random() < 0.05:
            old.append((partition, logged))
        if old and chance.random() < 0.05:
            again, repeated = old.pop(0)
            waiting[again].append(repeated)
        for each, share in waiting.items():
            if len(share) >= _PER_MESSAGE:
                send(each, now)
    for each in waiting:
        send(each, now)
    messages += [(each, tick(now + timedelta(hours=hours))) for hours in (1, 2) for each in waiting]
    return Ledger(messages, events, arrivals)
