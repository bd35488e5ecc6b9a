"""The events that benchmarks send: a shop's, about 330 bytes each as JSON, from a seed."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Raw

from smolhog_client import Event

_EVENTS = ("home", "catalog", "product_view", "add_to_cart", "checkout", "payment_done")
_PLATFORMS = ("desktop", "mobile", "tablet")
_CHANNELS = ("email", "direct", "ads", "organic")


def shop_events(count: int, seed: int, *, users: int = 5_000) -> Iterator[Event]:
    """Make events of the last minute; ids are left to the client."""
    chance = random.Random(seed)
    start = datetime.now(UTC) - timedelta(seconds=60)
    for _ in range(count):
        user = chance.randrange(users)
        properties = {
            "platform": chance.choice(_PLATFORMS),
            "acquisition_channel": chance.choice(_CHANNELS),
            "$current_url": f"https://shop.example/product/{chance.randrange(500)}?utm_source=newsletter",
            "price": round(chance.random() * 100, 2),
            "quantity": chance.randrange(1, 5),
            "user_cohort": f"2026-{chance.randrange(1, 12):02}",
        }
        yield Event(
            event=chance.choice(_EVENTS),
            distinct_id=f"user_{user}",
            session_id=f"session_{user}_{chance.randrange(3)}",
            timestamp=start + timedelta(milliseconds=chance.randrange(60_000)),
            properties=Raw(json.dumps(properties, separators=(",", ":")).encode()),
        )
