"""What the clients of a run are going to send: fixed by the seed, but for the day it starts on."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tests.chaos.ledger import Item, PoisonEvent, SentEvent

_NAMES = ("home", "product_view", "checkout", "päy\tment")
_PLATFORMS = ("ios", "android", "web", "tv")
_TEXTS = ("plain", 'quo"te', "back\\slash", "tab\tnew\nline", "naïve ☃", "\\N", "\\.")
_SKEWS = (0.0, 0.0, 40.0, -40.0, 86_400.0 * 3, -86_400.0 * 700)


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """Items that a client sends together, `at` seconds after the run's start at the earliest."""

    at: float
    items: list[Item]


@dataclass(frozen=True, slots=True)
class PlannedClient:
    """One client: how it talks, how wrong its clock is, and what it sends.

    Attributes:
        kind: `stream` and `http` by hand, `sdk` the Python SDK.
        skew: of its clock; it sends `sent_at`, which tells the gateway.
        batches: in the order in which they are sent.
    """

    kind: str
    skew: timedelta
    batches: list[PlannedBatch]


def plan_traffic(chance: random.Random, start: datetime, seconds: float, events: int) -> list[PlannedClient]:
    """Plan clients that send about `events` events within `seconds`.

    Args:
        chance: seeded.
        start: true time of the run's start.
        seconds: over which batches are spread.
        events: good ones, without repeats.
    """
    kinds = ["stream", "stream", "http", "sdk"]
    clients = []
    earlier: list[Item] = []
    for kind in kinds:
        skew = timedelta(seconds=chance.choice(_SKEWS))
        batches: list[PlannedBatch] = []
        left = events // len(kinds)
        size = max(20, left // 40)
        while left > 0:
            count = min(left, chance.randint(1, size))
            left -= count
            moment = chance.uniform(0, seconds)
            items: list[Item] = [
                _event(chance, start + timedelta(seconds=moment), skew) for _ in range(count)
            ]
            batches.append(PlannedBatch(moment, items))
        batches.sort(key=lambda batch: batch.at)
        for batch in batches:
            _season(chance, batch.items, earlier, poisoned=kind != "sdk")
        clients.append(PlannedClient(kind, skew, batches))
    return clients


def _season(chance: random.Random, items: list[Item], earlier: list[Item], *, poisoned: bool) -> None:
    """Add poison, repeats within the batch, and repeats of what any client sent or is going to send."""
    good = list(items)
    if poisoned and chance.random() < 0.3:
        items += [_poison(chance) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.3:
        items += chance.sample(good, min(len(good), 3))
    if earlier and chance.random() < 0.3:
        items += chance.sample(earlier, min(len(earlier), 10))
    chance.shuffle(items)
    earlier += chance.sample(good, min(len(good), 5))


def new_event_id(chance: random.Random) -> str:
    """Return an id that the seed fixes."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def _event(chance: random.Random, now: datetime, skew: timedelta) -> SentEvent:
    kind = chance.random()
    if kind < 0.7:
        age = chance.uniform(0, 5)
    elif kind < 0.85:
        age = chance.uniform(0, 3 * 3600)
    elif kind < 0.96:
        age = chance.uniform(1, 20) * 86_400
    else:
        age = chance.uniform(40, 400) * 86_400
    properties = {
        "platform": chance.choice(_PLATFORMS),
        "text": chance.choice(_TEXTS),
        "price": chance.randrange(10_000),
    }
    if chance.random() < 0.1:
        properties["nested"] = {"list": [1, None, True, "x"], "empty": {}}
    return SentEvent(
        event_id=new_event_id(chance),
        event=chance.choice(_NAMES),
        distinct_id=f"user-{chance.randrange(60)}",
        timestamp=None if chance.random() < 0.05 else now - timedelta(seconds=age) + skew,
        session_id=f"session-{chance.randrange(40)}" if chance.random() < 0.5 else None,
        properties=properties,
    )


def _poison(chance: random.Random) -> PoisonEvent:
    event_id = new_event_id(chance)
    fields = {"event_id": event_id, "event": "poison", "distinct_id": f"user-{chance.randrange(60)}"}
    extra, reason = chance.choice(_POISON)
    if reason == "invalid_event_id":
        event_id = fields["event_id"] = f"no-uuid-{event_id}"[:36]
    elif reason == "invalid_field":
        del fields["distinct_id"]
    elif reason == "name_too_long":
        fields["event"] = "x" * 201
    return PoisonEvent(event_id, json.dumps(fields)[:-1] + extra + "}", reason)


# What is appended to a good event's JSON, and the reason for which it is then refused.
_POISON = (
    (', "properties": {"a": "nul \\u0000"}', "nul_character"),
    (', "properties": {"a": NaN}', "number_out_of_range"),
    (', "properties": {"a": -Infinity}', "number_out_of_range"),
    (', "properties": {"a": 1e999}', "number_out_of_range"),
    (', "properties": {"a": "\\ud800"}', "lone_surrogate"),
    (', "properties": {"a": 1, "a": 2}', "duplicate_key"),
    (', "properties": {"a": ' + "[" * 12 + "]" * 12 + "}", "nested_too_deep"),
    (', "properties": {"a": "' + "x" * 33_000 + '"}', "event_too_large"),
    (', "timestamp": "yesterday"', "invalid_timestamp"),
    (', "timestamp": "2026-01-31T12:00:00"', "invalid_timestamp"),
    (', "timestamp": "1960-01-31T12:00:00Z"', "timestamp_out_of_range"),
    ("", "invalid_event_id"),
    ("", "invalid_field"),
    ("", "name_too_long"),
)
