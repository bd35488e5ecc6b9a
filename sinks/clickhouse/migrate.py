"""Brings a ClickHouse database to this version's schema."""

from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.clickhouse.cluster import Cluster
from sinks.clickhouse.connect import connect, connection_arguments
from sinks.errors import MigrationError
from sinks.migrations import pending, read_migrations

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name String, checksum String, applied_at DateTime('UTC') DEFAULT now()
) ENGINE = MergeTree ORDER BY name
"""
_ENGINE = "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"
_DATABASE = "CREATE DATABASE IF NOT EXISTS {name:Identifier}"
_TABLE_EXISTS = 57
# A migration may have to look at every event that is stored.
_STATEMENT_SECONDS = 6 * 3600


def migrate_clickhouse(url: str, cluster: str | None = None) -> list[str]:
    """Create the database if need be and apply what is missing.

    ClickHouse has neither transactions over DDL nor locks: :mod:`sinks.migrate` holds PostgreSQL's
    meanwhile, and a statement that finds its table in place (a migration that was killed half way)
    goes on with the next.

    Args:
        url: of the server, or of one server of the cluster.
        cluster: its name, to spread all tables over its shards and replicas; fixed once there are tables.

    Returns:
        The names of the migrations applied now; empty if there was nothing to do.

    Raises:
        MigrationError: the database belongs to another version, or refuses a statement.
        clickhouse_connect.driver.exceptions.OperationalError: the server cannot be reached.
    """
    migrations = read_migrations("sinks.clickhouse")
    with _schema(url, cluster) as schema:
        schema.run(_CREATE)
        schema.check_engine()
        todo = pending(migrations, _applied(schema.client), "ClickHouse")
        for migration in todo:
            for statement in migration.statements:
                schema.run(statement)
            schema.client.insert(
                "schema_migrations",
                [[migration.name, migration.checksum]],
                column_names=["name", "checksum"],
            )
    return [migration.name for migration in todo]


@contextmanager
def _schema(url: str, cluster: str | None) -> Iterator["_OneServer | _OnCluster"]:
    """Make the database, and open it for DDL."""
    database = connection_arguments(url)["database"]
    with connect(url, database="default") as client:
        if cluster is None:
            client.command(_DATABASE, parameters={"name": database})
        else:
            for statement in Cluster(cluster, database).databases():
                client.command(statement)
    with connect(url, timeout_seconds=_STATEMENT_SECONDS) as client:
        if cluster is None:
            yield _OneServer(client)
        else:
            yield _OnCluster(client, Cluster(cluster, database))


class _OneServer:
    """Applies statements as they are."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def run(self, statement: str) -> None:
        """Run a statement of a migration."""
        _apply(self.client, statement)

    def check_engine(self) -> None:
        """Refuse tables that are on a cluster."""
        if _engine(self.client) == "Distributed":
            raise MigrationError(
                "the tables in ClickHouse are on a cluster; set SMOLHOG_CLICKHOUSE_CLUSTER to its name"
            )


class _OnCluster:
    """Applies what statements are on a cluster."""

    def __init__(self, client: Client, cluster: Cluster) -> None:
        self.client = client
        self._cluster = cluster

    def run(self, statement: str) -> None:
        """Run a statement of a migration on all servers."""
        for each in self._cluster.statements(statement):
            _apply(self.client, each)

    def check_engine(self) -> None:
        """Refuse tables of one server."""
        if _engine(self.client) != "Distributed":
            raise MigrationError(
                "the tables in ClickHouse are those of one server, so they cannot be migrated on cluster "
                f"{self._cluster.name}: unset SMOLHOG_CLICKHOUSE_CLUSTER, or name another database and fill it with "
                "`smolhog rebuild --columnar`"
            )


def _engine(client: Client) -> str:
    ((engine,),) = client.query(_ENGINE).result_rows
    return str(engine)


def _applied(client: Client) -> dict[str, str]:
    rows = client.query("SELECT DISTINCT name, checksum FROM schema_migrations").result_rows
    return {str(name): str(checksum) for name, checksum in rows}


def _apply(client: Client, statement: str) -> None:
    try:
        client.command(statement)
    except DatabaseError as error:
        if getattr(error, "code", None) != _TABLE_EXISTS:
            raise MigrationError(f"ClickHouse refused a migration: {error}\n{statement}") from error
