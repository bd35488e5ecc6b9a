"""What filters mean, one event at a time, in plain Python."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.query_api.stored import Stored

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_OPPOSITES = {
    "!=": "=",
    "not_contains": "contains",
    "not_regex": "regex",
    "is_not_set": "is_set",
    "not_in_cohort": "in_cohort",
}


@dataclass(frozen=True)
class Known:
    """What a project knows besides the events.

    Attributes:
        person: of a distinct id; ids that are not there are persons by themselves.
        persons: properties by person.
        sessions: attributes by session id.
        cohorts: persons by number.
        groups: properties by type and key.
    """

    person: Mapping[str, str] = field(default_factory=dict)
    persons: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sessions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cohorts: Mapping[int, set[str]] = field(default_factory=dict)
    groups: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def person_of(self, event: Stored) -> str:
        """Return who caused an event."""
        return self.person.get(event.distinct_id, event.distinct_id)


NOTHING_KNOWN = Known()


def sessions_of(events: list[Stored]) -> dict[str, dict[str, Any]]:
    """Return the attributes of all sessions of one project."""
    found: dict[str, list[Stored]] = {}
    for event in events:
        if event.session_id:
            found.setdefault(event.session_id, []).append(event)
    return {
        session_id: {
            "duration": (max(e.timestamp for e in own) - min(e.timestamp for e in own)).total_seconds(),
            "events": len(own),
            "entry": min(own, key=lambda e: e.timestamp).event,
            "exit": max(own, key=lambda e: e.timestamp).event,
        }
        for session_id, own in found.items()
    }


def holds(group: Mapping[str, Any] | None, event: Stored, known: Known = NOTHING_KNOWN) -> bool:
    """Whether an event passes a filter, which is given as it stands in a question."""
    if group is None or not group.get("filters"):
        return True
    join: Callable[[Any], bool] = all if group.get("match", "all") == "all" else any
    return join(
        holds(part, event, known) if "filters" in part or "match" in part else condition(part, event, known)
        for part in group["filters"]
    )


def value_of(name: str, of: str, event: Stored, known: Known) -> Any:
    """Return a property; None where it is not there."""
    if of == "person":
        return known.persons.get(known.person_of(event), {}).get(name)
    if of == "session":
        return known.sessions.get(event.session_id, {}).get(name)
    if of.startswith("group:"):
        named = event.properties.get("$groups", {})
        kind = of.removeprefix("group:")
        if name == "$group_key":
            return named.get(kind)
        return known.groups.get((kind, named[kind]), {}).get(name) if kind in named else None
    fields = {
        "$event": event.event,
        "$distinct_id": event.distinct_id,
        "$session_id": event.session_id,
        "$source": "ws",
    }
    if name in fields:
        return fields[name] or None
    return event.properties[name] if name in event.properties else event.context.get(name)


def text_of(value: Any) -> str:
    """Return a value as text: numbers without a needless fraction, all else as JSON."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def number_of(value: Any) -> float | None:
    """Return a value as a number, if it is one or reads as one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return float(value) if not isinstance(value, str) or _NUMBER.fullmatch(value) else None


def condition(asked: Mapping[str, Any], event: Stored, known: Known) -> bool:
    """Whether one condition holds."""
    operator = asked["operator"]
    if operator in _OPPOSITES:
        return not condition({**asked, "operator": _OPPOSITES[operator]}, event, known)
    if operator == "in_cohort":
        return known.person_of(event) in known.cohorts[asked["value"]]
    found = value_of(asked["property"], asked.get("of", "event"), event, known)
    return found is not None and (operator == "is_set" or compared(operator, found, asked["value"]))


def compared(operator: str, found: Any, value: Any) -> bool:
    """Apply a positive operator to a value that is there."""
    match operator:
        case "=":
            return any(_equal(found, one) for one in (value if isinstance(value, list) else [value]))
        case "contains":
            return value.lower() in text_of(found).lower()
        case "regex":
            return re.search(value, text_of(found), re.DOTALL) is not None
        case "between":
            return compared(">=", found, value[0]) and compared("<=", found, value[1])
    if isinstance(value, str):
        return _ordered(operator, text_of(found).encode(), value.encode())
    number = number_of(found)
    return number is not None and _ordered(operator, number, value)


def _ordered(operator: str, left: Any, right: Any) -> bool:
    return bool({">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator])


def _equal(found: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return text_of(found) == text_of(value)
    return text_of(found) == value if isinstance(value, str) else number_of(found) == value
