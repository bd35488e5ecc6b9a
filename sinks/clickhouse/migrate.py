"""Brings a ClickHouse database to this version's schema."""

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.clickhouse.cluster import database_on_cluster, on_cluster
from sinks.clickhouse.connect import connect, connection_arguments
from sinks.errors import MigrationError
from sinks.migrations import pending, read_migrations

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name String, checksum String, applied_at DateTime('UTC') DEFAULT now()
) ENGINE = MergeTree ORDER BY name
"""
_ENGINE = "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"
_TABLE_EXISTS = 57
# A migration may have to look at every event that is stored.
_STATEMENT_SECONDS = 6 * 3600


def migrate_clickhouse(url: str, cluster: str | None = None) -> list[str]:
    """Create the database if need be and apply what is missing.

    ClickHouse has neither transactions over DDL nor locks: :mod:`sinks.migrate` holds PostgreSQL's
    meanwhile, and a statement that finds its table in place (a migration that was killed half way)
    goes on with the next.

    Args:
        url: of the server, or of one replica of the cluster.
        cluster: its name, to make all tables replicated on it; fixed once there are tables.

    Returns:
        The names of the migrations applied now; empty if there was nothing to do.

    Raises:
        MigrationError: the database belongs to another version, or refuses a statement.
        clickhouse_connect.driver.exceptions.OperationalError: the server cannot be reached.
    """
    migrations = read_migrations("sinks.clickhouse")
    database = connection_arguments(url)["database"]
    with connect(url, database="default") as client:
        client.command(database_on_cluster(cluster), parameters={"name": database})
    with connect(url, timeout_seconds=_STATEMENT_SECONDS) as client:
        client.command(on_cluster(_CREATE, cluster))
        _check_engine(client, cluster)
        todo = pending(migrations, _applied(client), "ClickHouse")
        for migration in todo:
            for statement in migration.statements:
                _apply(client, on_cluster(statement, cluster))
            client.insert(
                "schema_migrations",
                [[migration.name, migration.checksum]],
                column_names=["name", "checksum"],
            )
    return [migration.name for migration in todo]


def _check_engine(client: Client, cluster: str | None) -> None:
    """Refuse a mixture: some tables on one server, others on all."""
    ((engine,),) = client.query(_ENGINE).result_rows
    is_replicated = str(engine).startswith("Replicated")
    if is_replicated and cluster is None:
        raise MigrationError(
            "the tables in ClickHouse are replicated; set SMOLHOG_CLICKHOUSE_CLUSTER to the name of their cluster"
        )
    if cluster is not None and not is_replicated:
        raise MigrationError(
            f"the tables in ClickHouse are those of one server, so they cannot be migrated on cluster {cluster}: unset "
            "SMOLHOG_CLICKHOUSE_CLUSTER, or name another database and fill it with `smolhog rebuild --columnar`"
        )


def _applied(client: Client) -> dict[str, str]:
    rows = client.query("SELECT DISTINCT name, checksum FROM schema_migrations").result_rows
    return {str(name): str(checksum) for name, checksum in rows}


def _apply(client: Client, statement: str) -> None:
    try:
        client.command(statement)
    except DatabaseError as error:
        if getattr(error, "code", None) != _TABLE_EXISTS:
            raise MigrationError(f"ClickHouse refused a migration: {error}\n{statement}") from error
