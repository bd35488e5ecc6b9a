"""Migrating the stores from the command line: patient with servers that are still starting."""

import time

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.errors import MigrationError
from sinks.migrate import MigrationReport, migrate_stores
from smolhog.errors import SetupRefused
from smolhog.settings import Settings
from smolhog.stores import postgres_dsn, unreachable

PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.5


def migrate(settings: Settings, *, patience_seconds: float = PATIENCE_SECONDS) -> MigrationReport:
    """Bring both stores to this version's schema.

    Args:
        settings: where the stores are.
        patience_seconds: how long to wait for a store that does not answer.

    Raises:
        ServiceUnreachable: one of them does not answer.
        SetupRefused: one of them cannot be used as it is.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return migrate_stores(
                postgres_dsn(settings), settings.clickhouse_dsn, settings.clickhouse_cluster
            )
        except MigrationError as error:
            raise SetupRefused(str(error)) from error
        except (psycopg.OperationalError, ClickHouseError) as error:
            if time.monotonic() >= deadline:
                store = "PostgreSQL" if isinstance(error, psycopg.Error) else "ClickHouse"
                raise unreachable(store, error) from error
        time.sleep(_POLL_SECONDS)
