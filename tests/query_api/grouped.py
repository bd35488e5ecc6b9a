"""Events of two projects that belong to groups, and what they say of them."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.query_api.filter_oracle import Known
from tests.query_api.stored import Stored

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RANGE = {"from": "2026-05-01", "to": "2026-05-02"}
VALUES: list[Any] = ["pro", "free", "12.5", 3, 40.5, True, None, "it's", ["a"], ""]
TYPES = ["company", "it's a team"]
KEYS = ["acme", "acme inc", "ünï", "5"]


def generated(count: int = 400) -> list[Stored]:
    """Events of which some belong to groups, and some say something of one, again and again."""
    chance = random.Random(3)
    events = []
    for number in range(count):
        kind, key = chance.choice(TYPES), chance.choice(KEYS)
        properties: dict[str, Any] = {}
        if number % 8 == 0:
            said = {chance.choice(["plan", "size"]): chance.choice(VALUES)}
            properties = {"$group_type": kind, "$group_key": key, "$group_set": said}
        elif number % 3:
            properties = {"$groups": {kind: key}}
        name = "$groupidentify" if "$group_set" in properties else chance.choice(["page", "page", "buy"])
        events.append(
            Stored(
                project_id=1 if number % 5 else 2,
                event=name,
                distinct_id=f"user-{number % 7}",
                timestamp=NOON + timedelta(seconds=number),
                properties={**properties, "amount": chance.randrange(20)},
            )
        )
    return events


def known_of(events: Iterable[Stored]) -> Known:
    """Return the groups of a project, told one event after the other."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        if event.event == "$groupidentify":
            which = event.properties["$group_type"], event.properties["$group_key"]
            groups.setdefault(which, {}).update(event.properties["$group_set"])
    return Known(groups=groups)


EVENTS = generated()
MINE, THEIRS = ([event for event in EVENTS if event.project_id == project] for project in (1, 2))
