"""Remembers in PostgreSQL which folder's state a partition's numbers rest on."""

from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

_READ = "SELECT folder_id, place, since FROM partition_folders WHERE log_id = %s AND log_partition = %s"
_RECORD = """
INSERT INTO partition_folders (log_id, log_partition, folder_id, place) VALUES (%s, %s, %s, %s)
ON CONFLICT (log_id, log_partition) DO UPDATE
SET folder_id = excluded.folder_id, place = excluded.place, since = now()
"""


class RecordedFolder(NamedTuple):
    """The folder whose dataflow went on from what the stores held."""

    folder_id: str
    place: str
    """Machine and path, for people."""
    since: datetime


def read_folder(connection: psycopg.Connection, log_id: int, partition: int) -> RecordedFolder | None:
    """Return the folder of a partition; ``None`` while any folder of it may go on."""
    with connection.cursor(row_factory=class_row(RecordedFolder)) as cursor:
        return cursor.execute(_READ, [log_id, partition]).fetchone()


def record_folder(
    connection: psycopg.Connection, log_id: int, partition: int, folder_id: str, place: str
) -> None:
    """Remember that from now on only this folder may go on."""
    connection.execute(_RECORD, [log_id, partition, folder_id, place])
