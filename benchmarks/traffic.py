"""The events that benchmarks send: a shop's, about 330 bytes each as JSON, from a seed."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import Raw

from smolhog_client import Event
from smolhog_client.event import encode_event
from smolhog_client.event_ids import EventIds
from smolhog_client.frames import encode_batch

EVENT_NAMES = ("home", "catalog", "product_view", "add_to_cart", "checkout", "payment_done")
_PLATFORMS = ("desktop", "mobile", "tablet")
_CHANNELS = ("email", "direct", "ads", "organic")
_REPEATED_FROM_LAST = 1_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What the traffic is like.

    Attributes:
        users: how many people there are.
        products: values of the property with most values.
        repeated: share of events that are sent a second time, under the same id.
        late: share of events that are one to 72 hours old.
        hot: share of events that are one and the same user's, who lies in one partition.
        more: properties on top of the usual six, each with twenty values.
    """

    users: int = 5_000
    products: int = 500
    repeated: float = 0.0
    late: float = 0.0
    hot: float = 0.0
    more: int = 0


USUAL = Shape()


@dataclass(frozen=True, slots=True)
class Frames:
    """Batches ready to be sent, and what is in them."""

    frames: list[bytes]
    sizes: list[int]
    """Events of each frame."""
    distinct: int
    """Different events over all frames."""

    @property
    def events(self) -> int:
        """Events over all frames, repeats included."""
        return sum(self.sizes)


def shop_events(count: int, seed: int, shape: Shape = USUAL) -> Iterator[Event]:
    """Make events of the last minute, without ids: none of them is a repeat."""
    chance = random.Random(seed)
    # Every timestamp has a fraction of a second, as clocks give it: not every engine parses both forms.
    start = datetime.now(UTC).replace(microsecond=1) - timedelta(seconds=60)
    for _ in range(count):
        user = 0 if shape.hot and chance.random() < shape.hot else chance.randrange(shape.users)
        timestamp = start + timedelta(milliseconds=chance.randrange(60_000))
        if shape.late and chance.random() < shape.late:
            timestamp -= timedelta(seconds=chance.randrange(3_600, 72 * 3_600))
        page = f"https://shop.example/product/{chance.randrange(shape.products)}?utm_source=newsletter"
        properties = {
            "platform": chance.choice(_PLATFORMS),
            "acquisition_channel": chance.choice(_CHANNELS),
            "$current_url": page,
            "price": round(chance.random() * 100, 2),
            "quantity": chance.randrange(1, 5),
            "user_cohort": f"2026-{chance.randrange(1, 12):02}",
            **{f"property_{number}": f"value_{chance.randrange(20)}" for number in range(shape.more)},
        }
        yield Event(
            event=chance.choice(EVENT_NAMES),
            distinct_id=f"user_{user}",
            session_id=f"session_{user}_{chance.randrange(3)}",
            timestamp=timestamp,
            properties=Raw(json.dumps(properties, separators=(",", ":")).encode()),
        )


def encoded_events(count: int, seed: int, shape: Shape = USUAL) -> Iterator[tuple[bytes, bool]]:
    """Make events as JSON with ids, and tell of each whether it is a repeat of one before."""
    chance = random.Random(seed + 1)
    new_id = EventIds()
    recent: list[bytes] = []
    events = shop_events(count, seed, shape)
    for _ in range(count):
        if recent and chance.random() < shape.repeated:
            yield recent[chance.randrange(len(recent))], True
            continue
        event = next(events)
        event.event_id = new_id()
        encoded = encode_event(event)
        if shape.repeated:
            recent.append(encoded)
            del recent[:-_REPEATED_FROM_LAST]
        yield encoded, False


def batch_frames(count: int, batch: int, seed: int, shape: Shape = USUAL) -> Frames:
    """Make the frames of ``count`` events; the last one may be smaller."""
    frames: list[bytes] = []
    sizes: list[int] = []
    distinct = 0
    waiting: list[bytes] = []

    def close() -> None:
        frames.append(encode_batch(str(len(frames)), datetime.now(UTC), waiting))
        sizes.append(len(waiting))
        waiting.clear()

    for event, is_repeat in encoded_events(count, seed, shape):
        waiting.append(event)
        distinct += not is_repeat
        if len(waiting) == batch:
            close()
    if waiting:
        close()
    return Frames(frames, sizes, distinct)
