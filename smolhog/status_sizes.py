"""How much disk the stores and the event log take."""

import os
import shutil
from pathlib import Path

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.clickhouse.cluster import databases_of
from sinks.clickhouse.connect import connect
from smolhog.embedded.errors import FolderUnusableError
from smolhog.settings import Settings
from smolhog.status import Sizes

_POSTGRES = """
SELECT
    pg_database_size(current_database()),
    (SELECT sum(greatest(reltuples, 0))::bigint FROM pg_class
     WHERE relispartition AND relkind = 'r' AND relname LIKE 'events\\_%')
"""
_CLICKHOUSE = "SELECT sum(bytes_on_disk) FROM table_parts WHERE database IN {databases:Array(String)}"


def read_sizes(settings: Settings) -> Sizes:
    """Ask both stores and the disk; what does not answer is ``None``."""
    postgres_bytes, postgres_events = _postgres(settings)
    folder = settings.data.absolute()
    return Sizes(
        postgres_bytes=postgres_bytes,
        postgres_events=postgres_events,
        clickhouse_bytes=_clickhouse(settings),
        log_bytes=_folder_bytes(folder / "log") if settings.amqp_url is None else None,
        free_bytes=shutil.disk_usage(folder).free if folder.is_dir() else None,
    )


def _postgres(settings: Settings) -> tuple[int | None, int | None]:
    try:
        with psycopg.connect(settings.postgres_dsn, connect_timeout=3) as connection:
            row = connection.execute(_POSTGRES).fetchone()
    except (psycopg.Error, FolderUnusableError):
        return None, None
    return (None, None) if row is None else (row[0], row[1])


def _clickhouse(settings: Settings) -> int | None:
    try:
        with connect(settings.clickhouse_dsn, timeout_seconds=5) as client:
            asked = {"databases": databases_of(str(client.database))}
            return int(client.command(_CLICKHOUSE, parameters=asked))  # type: ignore[arg-type] # one number comes as text or number
    except ClickHouseError:
        return None


def _folder_bytes(folder: Path) -> int:
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += Path(path, name).stat().st_size
            except FileNotFoundError:
                # Logs rotate while we look.
                continue
    return total
