"""Brings a PostgreSQL database to this version's schema."""

import psycopg

from sinks.errors import MigrationError
from sinks.migrations import pending, read_migrations

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


def migrate_postgres(dsn: str) -> list[str]:
    """Apply what is missing, in one transaction. :mod:`sinks.migrate` holds the lock meanwhile.

    Returns:
        The names of the migrations applied now; empty if there was nothing to do.

    Raises:
        MigrationError: the database belongs to another version, or is not one that SmolHog can use.
        psycopg.OperationalError: the server cannot be reached.
    """
    migrations = read_migrations("sinks.postgres")
    with psycopg.connect(dsn) as connection:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise MigrationError(
                f"the database's encoding is {encoding}; create one with ENCODING 'UTF8' for SmolHog"
            )
        connection.execute(_CREATE)
        applied: dict[str, str] = dict(
            connection.execute("SELECT name, checksum FROM schema_migrations").fetchall()
        )
        todo = pending(migrations, applied, "PostgreSQL")
        for migration in todo:
            for statement in migration.statements:
                connection.execute(statement.encode())
            connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)",
                [migration.name, migration.checksum],
            )
    return [migration.name for migration in todo]
