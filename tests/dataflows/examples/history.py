"""Writes a history of events straight into a stack's event log: hours of it at once, all to come."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from dataflows.kit.testing import TestEvent, event
from dataflows.kit.ticks import tick
from event_log.opening import open_event_log
from schemas.envelope import SubBatch, encode_sub_batch, join_sub_batches, partition_of


class History:
    """Events by the time of their arrival, which is when they happen.

    Log time never goes back, and a stack tells idle partitions the time of its clock: so a history is of tomorrow.

    Args:
        partitions: of the log.
    """

    def __init__(self, partitions: int) -> None:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self.begin = tomorrow.replace(minute=0, second=0, microsecond=0)
        self._partitions = partitions
        self._messages: list[tuple[datetime, int, bytes]] = []

    def add(self, minutes: float, name: str, person: str, **more: object) -> None:
        """Have a person do something so many minutes after the beginning; a message by itself."""
        at = self.begin + timedelta(minutes=minutes)
        session_id = more.pop("session_id", None)
        made: TestEvent = event(
            name,
            distinct_id=person,
            at=at,
            session_id=None if session_id is None else str(session_id),
            properties=dict(more),
        )
        batch = SubBatch(1, at, None, "test", None, None, None, [made.logged])
        self._messages.append(
            (at, partition_of(1, person, self._partitions), join_sub_batches([encode_sub_batch(batch)]))
        )

    def tell_time(self, minutes: float) -> None:
        """Tell all partitions the time."""
        at = self.begin + timedelta(minutes=minutes)
        self._messages += [(at, partition, tick(at)) for partition in range(self._partitions)]

    async def append_to(self, url: str) -> None:
        """Append everything, in order of time."""
        log = await open_event_log(url, partitions=self._partitions)
        try:
            for _, partition, body in sorted(self._messages, key=lambda message: message[0]):
                await log.append(partition, body)
        finally:
            await log.close()


def json_of(bodies: Iterable[bytes]) -> list[dict[str, object]]:
    """Decode bodies of calls."""
    return [msgspec.json.decode(body) for body in bodies]
