"""What became of the processes of flows: kept in PostgreSQL, so that one that fails for ever is seen."""

from datetime import datetime
from typing import NamedTuple

import psycopg

_START = """
INSERT INTO flow_runs (flow, starts, started_at) VALUES (%s, 1, now())
ON CONFLICT (flow) DO UPDATE SET starts = flow_runs.starts + 1, started_at = now()
"""
_FAIL = """
UPDATE flow_runs SET failures = failures + 1, failed_at = now(), reason = %s WHERE flow = %s
"""
_READ = "SELECT flow, starts, started_at, failures, failed_at, reason FROM flow_runs ORDER BY flow"
_LONGEST_REASON = 2000


class FlowRun(NamedTuple):
    """What became of a flow's processes."""

    flow: str
    starts: int
    started_at: datetime
    failures: int
    """Ends that the process could still tell of; one that was killed could not."""
    failed_at: datetime | None
    reason: str | None
    """Why it ended last."""


def record_start(postgres_dsn: str, flow: str) -> None:
    """Count a start; raises as psycopg does."""
    with psycopg.connect(postgres_dsn, connect_timeout=5) as connection:
        connection.execute(_START, [flow])


def record_failure(postgres_dsn: str, flow: str, reason: str) -> None:
    """Write down why a flow's process ends; raises as psycopg does."""
    with psycopg.connect(postgres_dsn, connect_timeout=5) as connection:
        connection.execute(_FAIL, [reason[:_LONGEST_REASON].replace("\0", ""), flow])


def read_runs(connection: psycopg.Connection) -> list[FlowRun]:
    """Return what became of all flows, by name."""
    return [FlowRun(*row) for row in connection.execute(_READ).fetchall()]
