"""Holding the ledger against the stores: what is lost, doubled, unexpected, recovered."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.ledger import Ledger
from tests.chaos.stored import Cell, Stored, StoredEvent

DIMENSION = "platform"
"""The property whose counts are held against the ledger; traffic gives it to every event."""
_MINUTE = 60
_HOUR = 3600


@dataclass
class Balance:
    """Sentences, one for each difference; all but `recovered` must be empty."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    recovered: int = 0
    """Events stored whose clients never heard of it."""

    @property
    def is_even(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.unexpected)

    def __str__(self) -> str:
        names = ("lost", "doubled", "unexpected")
        return "\n".join(f"{name}: {line}" for name in names for line in getattr(self, name)[:20])


def balance(ledger: Ledger, stored: Stored) -> Balance:
    """Compare everything with everything."""
    result = Balance()
    _compare_events(ledger, stored, result)
    _compare_rejected(ledger, stored, result)
    _compare_columnar(stored, result)
    _compare_rollups(ledger, stored, result)
    _compare_answers(ledger, result)
    return result


def _compare_events(ledger: Ledger, stored: Stored, result: Balance) -> None:
    times = Counter(event.event_id for event in stored.events)
    good = ledger.acked & ledger.events.keys()
    result.lost += [f"PostgreSQL: {event_id} was acked" for event_id in sorted(good - times.keys())]
    result.doubled += [
        f"PostgreSQL: {event_id} {count} times" for event_id, count in times.items() if count > 1
    ]
    result.recovered = len((times.keys() & ledger.events.keys()) - ledger.acked)
    for event in stored.events:
        problem = _wrong(ledger, event)
        if problem is not None:
            result.unexpected.append(f"PostgreSQL: {event.event_id} {problem}")


def _wrong(ledger: Ledger, event: StoredEvent) -> str | None:
    sent = ledger.events.get(event.event_id)
    if sent is None:
        return "was refused" if event.event_id in ledger.poison else "was never sent"
    wanted = (sent.event, sent.distinct_id, sent.timestamp, sent.session_id, sent.properties)
    found = (event.event, event.distinct_id, event.client_timestamp, event.session_id, event.properties)
    if wanted != found:
        return f"is {found}, was sent as {wanted}"
    if not ledger.may_have_happened(event.event_id, event.timestamp, event.received_at):
        return f"at {event.timestamp}, by its client {sent.timestamp}, received {event.received_at}"
    return None


def _compare_rejected(ledger: Ledger, stored: Stored, result: Balance) -> None:
    reasons: dict[str | None, list[str]] = {}
    for event_id, reason in stored.rejected:
        reasons.setdefault(event_id, []).append(reason)
    for event_id in sorted(ledger.rejected.keys() - {str(known) for known in reasons}):
        result.lost.append(f"rejected_events: {event_id} was answered with {ledger.rejected[event_id]}")
    for known, found in reasons.items():
        poison = None if known is None else ledger.poison.get(known)
        if poison is None:
            result.unexpected.append(f"rejected_events: {known} {found}")
        elif set(found) != {poison.reason}:
            result.unexpected.append(f"rejected_events: {known} {found}, not {poison.reason}")
        elif len(found) > ledger.attempts[poison.event_id]:
            # A retry is refused again, and kept again: but never more often than it was sent.
            result.doubled.append(f"rejected_events: {known} {len(found)} times")


def _compare_columnar(stored: Stored, result: Balance) -> None:
    """The copy must be PostgreSQL's table, row for row."""
    raw = Counter(event.columnar for event in stored.events)
    copied = Counter(stored.columnar)
    ids = {event.event_id for event in stored.events}
    result.lost += [f"columnar copy: {row}" for row in raw - copied]
    for row in copied - raw:
        problems = result.doubled if row[0] in ids else result.unexpected
        problems.append(f"columnar copy: {row}")


def _compare_rollups(ledger: Ledger, stored: Stored, result: Balance) -> None:
    """The numbers must be those of the rows in PostgreSQL; values of the property come from the ledger."""
    for table, width in (("rollup_minute", _MINUTE), ("rollup_hour", _HOUR)):
        totals: Counter[Cell] = Counter()
        values: Counter[Cell] = Counter()
        for event in stored.events:
            seconds = int(event.timestamp.timestamp())
            bucket = seconds - seconds % width
            totals[bucket, event.event, ""] += 1
            sent = ledger.events.get(event.event_id)
            if sent is not None:
                values[bucket, event.event, sent.properties[DIMENSION]] += 1
        _compare_cells(f"{table} by event", totals, stored.rollups[table, ""], result)
        _compare_cells(f"{table} by {DIMENSION}", values, stored.rollups[table, DIMENSION], result)
    users: dict[Cell, set[str]] = {}
    sessions: dict[Cell, set[str]] = {}
    for event in stored.events:
        hour = int(event.timestamp.timestamp()) // _HOUR * _HOUR
        users.setdefault((hour, event.event, ""), set()).add(event.distinct_id)
        if event.session_id is not None:
            sessions.setdefault((0, event.session_id, ""), set()).add(event.event_id)
    _compare_cells("distinct users", _sizes(users), stored.users, result)
    _compare_cells("sessions", _sizes(sessions), stored.sessions, result)


def _sizes(sets: Mapping[Cell, set[str]]) -> Counter[Cell]:
    return Counter({cell: len(members) for cell, members in sets.items()})


def _compare_cells(name: str, wanted: Counter[Cell], found: Counter[Cell], result: Balance) -> None:
    for cell in wanted.keys() | found.keys():
        difference: Any = found[cell] - wanted[cell]
        if difference < 0:
            result.lost.append(f"{name}: {cell} is {found[cell]}, not {wanted[cell]}")
        elif difference > 0:
            problems = result.doubled if cell in wanted else result.unexpected
            problems.append(f"{name}: {cell} is {found[cell]}, not {wanted[cell]}")


def _compare_answers(ledger: Ledger, result: Balance) -> None:
    result.unexpected += [f"answer: {refusal}" for refusal in ledger.refusals]
    for event_id, code in ledger.rejected.items():
        poison = ledger.poison.get(event_id)
        if poison is None or poison.reason != code:
            result.unexpected.append(f"answer: {event_id} was refused with {code}")
    result.unexpected += [f"answer: {event_id} was taken" for event_id in ledger.acked & ledger.poison.keys()]
