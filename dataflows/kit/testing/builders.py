"""Events for tests, in few words."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

import msgspec

from schemas.envelope import LogEvent

DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""The day on which tests happen."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class TestEvent:
    """An event of a test, and what its client says about it."""

    __test__ = False

    project_id: int
    logged: LogEvent


def event(
    name: str,
    *,
    distinct_id: str = "ann",
    at: str | datetime | None = None,
    project_id: int = 1,
    event_id: str | None = None,
    session_id: str | None = None,
    properties: dict[str, Any] | None = None,
    **more: Any,
) -> TestEvent:
    """Make an event.

    Args:
        name: what happened.
        distinct_id: who did it.
        at: when: a time, or ``HH:MM[:SS]`` of the tests' day; ``None`` is when it arrives.
        project_id: whose it is.
        event_id: a UUID; by default one that no other event has.
        session_id: of the client.
        properties: of the event.
        more: more of them.
    """
    if isinstance(at, str):
        at = datetime.combine(DAY, time.fromisoformat(at), UTC)
    logged = LogEvent(
        event_id=event_id or str(UUID(int=next(_numbers), version=4)),
        event=name,
        distinct_id=distinct_id,
        timestamp=at,
        session_id=session_id,
        properties=msgspec.Raw(msgspec.json.encode({**(properties or {}), **more})),
    )
    return TestEvent(project_id, logged)
