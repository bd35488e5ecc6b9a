"""The ledger test is only worth something if it sees what is wrong: each kind, put there on purpose."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.balance import balance
from tests.chaos.ledger import Ledger, PoisonEvent, SentEvent
from tests.chaos.stored import Stored, StoredEvent

SENT_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECEIVED_AT = datetime(2026, 3, 1, 13, 0, 1, tzinfo=UTC)
EVENT = SentEvent("id-1", "home", "ada", SENT_AT - timedelta(minutes=2), "s", {"platform": "ios"})
POISON = PoisonEvent("id-2", "{}", "nul_character")
HAPPENED = RECEIVED_AT - timedelta(minutes=2)


@pytest.fixture
def ledger() -> Ledger:
    """One event acked, one refused, by a client whose clock is an hour behind."""
    ledger = Ledger()
    ledger.note_attempt([EVENT, POISON], {SENT_AT})
    ledger.note_acked(EVENT)
    ledger.note_rejected(POISON, "nul_character")
    return ledger


@pytest.fixture
def stored() -> Stored:
    """Stores that hold just that."""
    row = StoredEvent("id-1", "home", "ada", HAPPENED, EVENT.timestamp, RECEIVED_AT, "s", {"platform": "ios"})
    seconds = int(HAPPENED.timestamp())
    minute, hour = seconds - seconds % 60, seconds - seconds % 3600
    return Stored(
        events=[row],
        rejected=[("id-2", "nul_character")],
        columnar=[row.columnar],
        rollups={
            ("rollup_minute", ""): Counter({(minute, "home", ""): 1}),
            ("rollup_minute", "platform"): Counter({(minute, "home", "ios"): 1}),
            ("rollup_hour", ""): Counter({(hour, "home", ""): 1}),
            ("rollup_hour", "platform"): Counter({(hour, "home", "ios"): 1}),
        },
        users=Counter({(hour, "home", ""): 1}),
        sessions=Counter({(0, "s", ""): 1}),
    )


def test_right_stores_are_even(ledger: Ledger, stored: Stored) -> None:
    """Nothing to say, and nothing recovered."""
    found = balance(ledger, stored)
    assert found.is_even, str(found)
    assert found.recovered == 0


def test_an_acked_event_that_is_missing_is_lost(ledger: Ledger, stored: Stored) -> None:
    """In PostgreSQL, in the copy alone, in a rollup alone, and among the rejected."""
    assert balance(ledger, replace(stored, events=[])).lost
    assert balance(ledger, replace(stored, columnar=[])).lost
    assert balance(ledger, replace(stored, rejected=[])).lost
    emptied = stored.rollups | {("rollup_hour", "platform"): Counter()}
    assert balance(ledger, replace(stored, rollups=emptied)).lost


def test_an_event_that_is_there_twice_is_doubled(ledger: Ledger, stored: Stored) -> None:
    """In PostgreSQL, in the copy, in a count, and a rejected event oftener than it was sent."""
    assert balance(ledger, replace(stored, events=stored.events * 2)).doubled
    assert balance(ledger, replace(stored, columnar=stored.columnar * 2)).doubled
    assert balance(ledger, replace(stored, sessions=Counter({(0, "s", ""): 2}))).doubled
    assert balance(ledger, replace(stored, rejected=stored.rejected * 2)).doubled


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": "id-3"},
        {"event_id": "id-2"},
        {"timestamp": EVENT.timestamp},
        {"properties": {"platform": "web"}},
        {"session_id": None},
        {"distinct_id": "eve"},
    ],
)
def test_what_was_not_sent_so_is_unexpected(
    ledger: Ledger, stored: Stored, change: dict[str, object]
) -> None:
    """A stranger's id, a refused id, the uncorrected time, another field."""
    wrong = replace(stored.events[0], **change)  # type: ignore[arg-type] # a field of any type
    assert balance(ledger, replace(stored, events=[wrong])).unexpected


def test_an_event_nobody_answered_may_be_stored_or_not(ledger: Ledger, stored: Stored) -> None:
    """Stored, it is recovered; missing, it is no loss."""
    ledger.acked.clear()
    found = balance(ledger, stored)
    assert found.is_even, str(found)
    assert found.recovered == 1
    nothing = replace(
        stored,
        events=[],
        columnar=[],
        rollups={name: Counter() for name in stored.rollups},
        users=Counter(),
        sessions=Counter(),
    )
    assert balance(ledger, nothing).is_even
