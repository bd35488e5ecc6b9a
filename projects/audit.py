"""The audit log: which administrator did what, and when."""

import getpass
import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did."""

    audit_id: int
    at: datetime
    who: str
    """User and machine of the command line."""
    action: str
    project_id: int | None
    details: dict[str, Any]


def record_action(
    connection: psycopg.Connection, action: str, project_id: int | None, **details: Any
) -> None:
    """Write an entry, in the transaction of what was done: both are kept, or neither.

    Args:
        connection: in that transaction.
        action: noun and verb, such as ``key.revoke``.
        project_id: whose data or keys; ``None`` for all.
        details: never a secret.
    """
    connection.execute(
        "INSERT INTO audit_log (who, action, project_id, details) VALUES (%s, %s, %s, %s)",
        [_who(), action, project_id, Jsonb(details)],
    )


def read_audit(connection: psycopg.Connection, *, limit: int, before: int | None = None) -> list[AuditEntry]:
    """Return entries, the newest first.

    Args:
        connection: to PostgreSQL.
        limit: how many at most.
        before: only those with a lower number.
    """
    with connection.transaction(), connection.cursor(row_factory=class_row(AuditEntry)) as cursor:
        return cursor.execute(
            "SELECT audit_id, at, who, action, project_id, details FROM audit_log "
            "WHERE audit_id < %s ORDER BY audit_id DESC LIMIT %s",
            [2**62 if before is None else before, limit],
        ).fetchall()


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user has a number and no name.
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
