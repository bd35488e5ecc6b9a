"""Rejected events as people read them, and as they are sent again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import psycopg

LATEST = 2**63 - 1
"""Above the number of any rejected event."""

SELECT_REJECTED = """
SELECT rejected_id, project_id, received_at, event_id, reason, message,
    substring(payload FOR %(payload_bytes)s), octet_length(payload), source, rejected_by, replayed_at,
    log_id, log_partition, log_offset, log_index
FROM rejected_events
WHERE rejected_id < %(before)s
    AND (%(project_id)s::integer IS NULL OR project_id = %(project_id)s)
    AND (%(rejected_id)s::bigint IS NULL OR rejected_id = %(rejected_id)s)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(begin)s::timestamptz IS NULL OR received_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR received_at < %(end)s)
    AND (%(replayed_too)s OR replayed_at IS NULL)
ORDER BY rejected_id DESC
LIMIT %(limit)s
"""
"""Parameters are those of :meth:`RejectedQuery.parameters`, columns those of :class:`RejectedRecord`."""

_MARK = "UPDATE rejected_events SET replayed_at = now() WHERE rejected_id = ANY(%s) AND replayed_at IS NULL"
_PAGE = 500


class RejectedRecord(NamedTuple):
    """A rejected event, as it is stored."""

    rejected_id: int
    project_id: int | None
    """``None``: the message of the log that held it could not be read."""
    received_at: datetime | None
    event_id: str | None
    reason: str
    message: str
    payload: bytes
    """As much of it as was asked for."""
    payload_bytes: int
    """Length of the whole."""
    source: str | None
    rejected_by: str
    replayed_at: datetime | None
    log_id: int
    log_partition: int
    log_offset: int
    log_index: int

    @property
    def place(self) -> str:
        """Name of its place in the log, which no other event has."""
        return f"{self.log_id}/{self.log_partition}/{self.log_offset}/{self.rejected_by}/{self.log_index}"


@dataclass(frozen=True, slots=True)
class RejectedQuery:
    """Which rejected events; newest first.

    Attributes:
        project_id: whose; ``None`` for all, and for those that are nobody's.
        rejected_id: only this one.
        reason: only those refused for this.
        begin: only those that arrived then or later.
        end: only those that arrived before.
        before: only those with a lower number.
        replayed_too: also those that were sent again.
        limit: how many at most.
        payload_bytes: how much of the payload.
    """

    project_id: int | None = None
    rejected_id: int | None = None
    reason: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    before: int = LATEST
    replayed_too: bool = True
    limit: int = 50
    payload_bytes: int = 2**30

    def parameters(self) -> dict[str, object]:
        """Return the values for :data:`SELECT_REJECTED`."""
        return {name: getattr(self, name) for name in RejectedQuery.__slots__}


def read_rejected(connection: psycopg.Connection, query: RejectedQuery) -> list[RejectedRecord]:
    """Return rejected events, newest first."""
    rows = connection.execute(SELECT_REJECTED, query.parameters()).fetchall()
    return [RejectedRecord(*row) for row in rows]


def pages_of_rejected(connection: psycopg.Connection, query: RejectedQuery) -> Iterable[list[RejectedRecord]]:
    """Return rejected events, newest first, some at a time, up to ``query.limit`` in all."""
    left = query.limit
    before = query.before
    while left > 0:
        page = read_rejected(connection, replace(query, before=before, limit=min(left, _PAGE)))
        if not page:
            return
        yield page
        left -= len(page)
        before = page[-1].rejected_id


def mark_replayed(connection: psycopg.Connection, rejected_ids: list[int]) -> None:
    """Remember that these were sent again."""
    connection.execute(_MARK, [rejected_ids])
