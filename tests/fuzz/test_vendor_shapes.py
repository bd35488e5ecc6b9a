"""Vendors' requests that are sound JSON of the wrong shape: any value may stand in any place."""

import json
import os
import random
from typing import Any

import msgspec
import pytest

from tests.fuzz.targets import TARGETS
from tests.ingest_gateway.wire_cases import vendor_bodies

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "400"))
VENDORS = ("posthog", "segment", "mixpanel")
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1e308, 10**30, 10**500, float("nan"), float("inf")),
    *("", "x" * 300, "\0", "\ud800", "\u017c", "$identify", "2026-01-31T12:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", -62135596801, 253402300800, 1e18),
    *([], {}, [[]], [None], ["a", "b"], {"$set": 1}, {"a": {"b": {"c": {"d": {"e": 1}}}}}),
]
NAMES = ["$set", "properties", "event", "token", "timestamp", "offset", "uuid", "type", "batch", "$group_key"]


def changed(value: Any, chance: random.Random) -> Any:
    """Put odd values and names where others stood."""
    if chance.random() < 0.08:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {
            chance.choice(NAMES) if chance.random() < 0.03 else name: changed(inner, chance)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [changed(inner, chance) for inner in value] * chance.choice((1, 1, 1, 2))
    return value


def requests() -> list[Any]:
    """Return the bodies of the wire cases that are JSON."""
    found = []
    for body in (body for vendor in VENDORS for body in vendor_bodies(vendor)):
        try:
            found.append(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found


@pytest.mark.parametrize("target", ["posthog_body", "posthog_v1_body", "segment_body", "mixpanel_body"])
def test_any_value_in_any_place(target: str) -> None:
    """Every event is stored or refused with a reason, whatever it is made of."""
    chance = random.Random(target)
    bodies = requests()
    assert len(bodies) > 30
    for _ in range(ROUNDS):
        TARGETS[target](json.dumps(changed(chance.choice(bodies), chance)).encode())
