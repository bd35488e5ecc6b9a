"""Makes a flow's own tables: numbered SQL files beside the flow, each for one of the stores.

Files are named ``NNNN_name.postgres.sql`` or ``NNNN_name.clickhouse.sql``. ClickHouse knows no transactions over
DDL, so its statements say ``IF NOT EXISTS``: one may run again.
"""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.flow import Flow
from sinks.clickhouse.connect import connect
from sinks.clickhouse.deletion import cluster_of
from sinks.errors import MigrationError
from sinks.migrations import split_statements

_log = structlog.get_logger()

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.(postgres|clickhouse)\.sql")
_CLICKHOUSE = ".clickhouse.sql"
_APPLIED = "SELECT name, checksum, applied_at FROM flow_migrations WHERE flow = %s"
_RECORD = """
INSERT INTO flow_migrations (flow, name, checksum) VALUES (%s, %s, %s)
ON CONFLICT (flow, name) DO UPDATE SET applied_at = now()
"""
_CLICKHOUSE_BEGAN = "SELECT toUnixTimestamp(min(applied_at)) FROM schema_migrations"


class _Applied(NamedTuple):
    checksum: str
    at: datetime


def migrate_flow(flow: Flow, postgres_dsn: str, clickhouse_url: str) -> list[str]:
    """Apply what is missing of a flow's migrations; returns their names.

    PostgreSQL says which ones were applied, to ClickHouse, too. After a restore that is another ClickHouse, to which
    none was.

    Raises:
        FlowInvalid: the folder is missing, or a file has a name out of order.
        MigrationError: a file was changed after it had been applied, or a store refuses one.
    """
    files = _files(flow)
    done: list[str] = []
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        applied = {
            name: _Applied(*rest) for name, *rest in connection.execute(_APPLIED, [flow.name]).fetchall()
        }
        for file in files:
            text = file.read_text()
            checksum = hashlib.sha256(text.encode()).hexdigest()
            known = applied.get(file.name)
            if known is not None:
                if known.checksum != checksum:
                    raise MigrationError(
                        f"flow {flow.name}: {file.name} was changed after it had been applied"
                    )
                if not file.name.endswith(_CLICKHOUSE) or known.at >= _began(clickhouse_url):
                    continue
            try:
                with connection.transaction():
                    if file.name.endswith(_CLICKHOUSE):
                        _apply_to_clickhouse(clickhouse_url, text)
                    else:
                        for statement in split_statements(text):
                            connection.execute(statement.encode())
                    connection.execute(_RECORD, [flow.name, file.name, checksum])
            except (psycopg.DatabaseError, ClickHouseError) as error:
                raise MigrationError(f"flow {flow.name}: {file.name} was refused: {error}".strip()) from error
            done.append(file.name)
    return done


def _files(flow: Flow) -> list[Path]:
    if flow.migrations is None:
        return []
    folder = (flow.file.parent if flow.file else Path()) / flow.migrations
    if not folder.is_dir():
        raise FlowInvalid(f"flow {flow.name}: there is no folder {folder}, which `migrations` names")
    files = sorted(folder.glob("*.sql"))
    for number, file in enumerate(files, 1):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match[1]) != number:
            raise FlowInvalid(
                f"flow {flow.name}: {file.name} should be {number:04}_name.postgres.sql or {number:04}_name.clickhouse.sql"
            )
    return files


def _began(url: str) -> datetime:
    """Return when ClickHouse was set up; long ago while it is away, for which a flow waits elsewhere."""
    try:
        with connect(url, timeout_seconds=60) as client:
            ((began,),) = client.query(_CLICKHOUSE_BEGAN).result_rows
    except (ClickHouseError, HTTPError, OSError) as error:
        _log.warning("ClickHouse does not say how old it is", reason=str(error))
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromtimestamp(began, UTC)


def _apply_to_clickhouse(url: str, text: str) -> None:
    with connect(url, timeout_seconds=600) as client:
        cluster = cluster_of(client, "events")
        for statement in split_statements(text):
            for each in [statement] if cluster is None else cluster.statements(statement):
                client.command(each)
