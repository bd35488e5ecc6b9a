"""Makes a flow's own tables: numbered SQL files beside the flow, each for one of the stores.

Files are named ``NNNN_name.postgres.sql`` or ``NNNN_name.clickhouse.sql``. ClickHouse knows no transactions over
DDL, so its statements say ``IF NOT EXISTS``: one may run again.
"""

import hashlib
import re
from pathlib import Path

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.flow import Flow
from sinks.clickhouse.connect import connect
from sinks.errors import MigrationError
from sinks.migrations import split_statements

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.(postgres|clickhouse)\.sql")
_APPLIED = "SELECT name, checksum FROM flow_migrations WHERE flow = %s"
_RECORD = "INSERT INTO flow_migrations (flow, name, checksum) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


def migrate_flow(flow: Flow, postgres_dsn: str, clickhouse_url: str) -> list[str]:
    """Apply what is missing of a flow's migrations; returns their names.

    Raises:
        FlowInvalid: the folder is missing, or a file has a name out of order.
        MigrationError: a file was changed after it had been applied, or a store refuses one.
    """
    files = _files(flow)
    done: list[str] = []
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        applied: dict[str, str] = dict(connection.execute(_APPLIED, [flow.name]).fetchall())
        for file in files:
            text = file.read_text()
            checksum = hashlib.sha256(text.encode()).hexdigest()
            if file.name in applied:
                if applied[file.name] != checksum:
                    raise MigrationError(
                        f"flow {flow.name}: {file.name} was changed after it had been applied"
                    )
                continue
            try:
                with connection.transaction():
                    if file.name.endswith(".clickhouse.sql"):
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


def _apply_to_clickhouse(url: str, text: str) -> None:
    with connect(url, timeout_seconds=600) as client:
        for statement in split_statements(text):
            client.command(statement)
