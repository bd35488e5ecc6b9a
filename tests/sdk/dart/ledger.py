"""What the gateway's log holds of a Dart app, read back."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from schemas.envelope import LogEvent
from tests.ingest_gateway.running import PROJECT, stored_in

DROPPED = "$events_dropped"


@dataclass(frozen=True)
class Ledger:
    """Everything stored."""

    events: list[LogEvent]
    """Once for each time that it was stored, but for reports of drops."""
    reported_drops: Counter[str]
    """What the app says it threw away, by reason."""
    rejected: Counter[str]
    """What the gateway refused, by reason."""

    @property
    def ids(self) -> set[str]:
        """Ids of the events."""
        return {event.event_id for event in self.events}


def properties_of(event: LogEvent) -> dict[str, Any]:
    """Read an event's properties."""
    properties: dict[str, Any] = msgspec.json.decode(event.properties)
    return properties


def read_ledger(folder: Path) -> Ledger:
    """Read the embedded event log in `folder`, which no gateway may have open."""
    batches = asyncio.run(stored_in(folder))
    assert {batch.project_id for batch in batches} <= {PROJECT}
    stored = [event for batch in batches for event in batch.events]
    reports = {event.event_id: event for event in stored if event.event == DROPPED}
    drops: Counter[str] = Counter()
    for report in reports.values():
        properties = properties_of(report)
        by_reason = Counter(properties["$dropped_by_reason"])
        assert by_reason.total() == properties["$dropped_count"]
        drops += by_reason
    return Ledger(
        events=[event for event in stored if event.event != DROPPED],
        reported_drops=drops,
        rejected=Counter(event.reason.value for batch in batches for event in batch.rejected),
    )
