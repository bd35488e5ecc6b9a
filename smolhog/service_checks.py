"""What `smolhog doctor` looks at in the stores and the event log."""

import asyncio
from typing import Any

import aio_pika
import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.clickhouse.connect import connect, connection_arguments
from sinks.errors import MigrationError
from sinks.migrations import pending, read_migrations
from smolhog.checks import Check, Status
from smolhog.embedded.errors import FolderUnusableError
from smolhog.settings import Settings
from smolhog.stores import reason_of

POSTGRES_LEAST = 150000
CLICKHOUSE_LEAST = (24, 8)
RABBITMQ_LEAST = (3, 10)
_NO_TABLE = 60
_NO_DATABASE = 81
_START = "Start it with `smolhog up`."


def check_postgres(settings: Settings) -> list[Check]:
    """Look at PostgreSQL's version, encoding and schema."""
    embedded = settings.postgres_url is None
    advice = _START if embedded else "Start it, or correct SMOLHOG_POSTGRES_URL."
    try:
        with psycopg.connect(settings.postgres_dsn, connect_timeout=3) as connection:
            return _look_at_postgres(connection)
    except FolderUnusableError:
        return [Check("PostgreSQL", Status.WARN, "the embedded one was never started here", advice)]
    except psycopg.OperationalError as error:
        status = Status.WARN if embedded else Status.FAIL
        return [Check("PostgreSQL", status, f"does not answer: {reason_of(error)}", advice)]


def _look_at_postgres(connection: psycopg.Connection) -> list[Check]:
    info = connection.info
    version, encoding = info.server_version, info.parameter_status("server_encoding")
    text = f"version {version // 10000}.{version % 10000}, encoding {encoding}"
    if version < POSTGRES_LEAST:
        return [Check("PostgreSQL", Status.FAIL, text, "Use PostgreSQL 15 or newer.")]
    if encoding != "UTF8":
        return [Check("PostgreSQL", Status.FAIL, text, "Create the database with ENCODING 'UTF8'.")]
    try:
        applied: dict[str, str] = dict(
            connection.execute("SELECT name, checksum FROM schema_migrations").fetchall()
        )
    except psycopg.errors.UndefinedTable:
        applied = {}
    return [Check("PostgreSQL", Status.OK, text), _check_migrations("PostgreSQL", "sinks.postgres", applied)]


def check_clickhouse(settings: Settings) -> list[Check]:
    """Look at ClickHouse's version and schema."""
    embedded = settings.clickhouse_url is None
    url = settings.clickhouse_dsn
    try:
        with connect(url, database="default", timeout_seconds=5) as client:
            version = str(client.command("SELECT version()"))
            text = f"version {version}"
            if _numbers(version) < CLICKHOUSE_LEAST:
                return [Check("ClickHouse", Status.FAIL, text, "Use ClickHouse 24.8 or newer.")]
            database = connection_arguments(url)["database"]
            try:
                rows = client.query(
                    "SELECT DISTINCT name, checksum FROM {database:Identifier}.schema_migrations",
                    parameters={"database": database},
                ).result_rows
            except ClickHouseError as error:
                if getattr(error, "code", None) not in (_NO_TABLE, _NO_DATABASE):
                    raise
                rows = []
    except ClickHouseError as error:
        return [
            Check(
                "ClickHouse",
                Status.WARN if embedded else Status.FAIL,
                f"does not answer: {reason_of(error)}",
                _START if embedded else "Start it, or correct SMOLHOG_CLICKHOUSE_URL.",
            )
        ]
    applied = {str(name): str(checksum) for name, checksum in rows}
    return [
        Check("ClickHouse", Status.OK, text),
        _check_migrations("ClickHouse", "sinks.clickhouse", applied),
    ]


def _check_migrations(store: str, package: str, applied: dict[str, str]) -> Check:
    part = f"{store} schema"
    try:
        todo = pending(read_migrations(package), applied, store)
    except MigrationError as error:
        return Check(part, Status.FAIL, str(error), "Use the version of SmolHog that wrote it, or a backup.")
    if todo:
        names = ", ".join(migration.name for migration in todo)
        return Check(part, Status.FAIL, f"not migrated yet: {names}", "Run `smolhog migrate`.")
    return Check(part, Status.OK, f"up to date, at {max(applied)}")


def check_event_log(settings: Settings) -> list[Check]:
    """Look at RabbitMQ, or at the folder of the embedded event log."""
    if settings.amqp_url is None:
        folder = settings.data.absolute() / "log"
        state = "exists" if folder.is_dir() else "will be made at the first start"
        return [Check("event log", Status.OK, f"SQLite in {folder}, {state}")]
    try:
        version = asyncio.run(_rabbitmq_version(str(settings.amqp_url)))
    except (OSError, aio_pika.exceptions.AMQPError) as error:
        return [
            Check(
                "event log",
                Status.FAIL,
                f"RabbitMQ does not answer: {reason_of(error)}",
                "Start it, or correct SMOLHOG_AMQP_URL.",
            )
        ]
    if _numbers(version) < RABBITMQ_LEAST:
        text = f"RabbitMQ {version} has no streams that SmolHog can use"
        return [Check("event log", Status.FAIL, text, "Use RabbitMQ 3.10 or newer.")]
    return [Check("event log", Status.OK, f"RabbitMQ {version}, which has streams")]


async def _rabbitmq_version(url: str) -> str:
    async with asyncio.timeout(5):
        connection = await aio_pika.connect(url)
        async with connection:
            transport = connection.transport
            assert transport is not None
            properties: dict[str, Any] = dict(transport.connection.server_properties)
    version = properties.get("version", "0")
    return version.decode() if isinstance(version, bytes) else str(version)


def _numbers(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version.

    >>> _numbers("26.9.1.1")
    (26, 9)
    """
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in version.split(".")[:2])
