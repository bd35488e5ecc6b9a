"""Brings both stores to this version's schema, one process at a time."""

from dataclasses import dataclass

import psycopg

from sinks.clickhouse.migrate import migrate_clickhouse
from sinks.postgres.migrate import migrate_postgres

# Any number that no other program is likely to lock.
_LOCK = 0x5340_1106


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """Names of the migrations that were applied now, in order."""

    postgres: list[str]
    clickhouse: list[str]


def migrate_stores(postgres_dsn: str, clickhouse_url: str, cluster: str | None = None) -> MigrationReport:
    """Apply what is missing in both stores; other processes that migrate wait for this one.

    Args:
        postgres_dsn: where PostgreSQL is.
        clickhouse_url: where ClickHouse is.
        cluster: of ClickHouse servers, on which tables are replicated; ``None`` for one server.

    Raises:
        MigrationError: a store belongs to another version, or cannot be used.
        psycopg.OperationalError: PostgreSQL cannot be reached.
        clickhouse_connect.driver.exceptions.OperationalError: ClickHouse cannot be reached.
    """
    with psycopg.connect(postgres_dsn, autocommit=True) as lock:
        # Freed by PostgreSQL when this connection ends, however it ends.
        lock.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        return MigrationReport(migrate_postgres(postgres_dsn), migrate_clickhouse(clickhouse_url, cluster))
