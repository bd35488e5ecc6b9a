"""Schemas come up once, whoever starts first, and only on databases that are ours to use."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sinks.clickhouse.connect import connect
from sinks.clickhouse.migrate import migrate_clickhouse
from sinks.errors import MigrationError
from sinks.migrate import migrate_stores
from sinks.migrations import read_migrations
from sinks.postgres.migrate import migrate_postgres
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer


@pytest.fixture
def clickhouse_url(clickhouse_server: ClickHouseServer) -> Iterator[str]:
    """The URL of a fresh database."""
    with clickhouse_server.database() as database:
        yield f"{clickhouse_server.url}/{database}"


def test_fresh_stores_get_everything_once(postgres_database: str, clickhouse_url: str) -> None:
    """The first run applies all, the second nothing, and what was stored stays."""
    first = migrate_stores(postgres_database, clickhouse_url)
    assert first.postgres[0] == first.clickhouse[0] == "0001_start"
    with psycopg.connect(postgres_database) as connection:
        connection.execute("INSERT INTO projects (name) VALUES ('kept')")
    with connect(clickhouse_url) as client:
        client.command("INSERT INTO rollup_hour (project_id, total) VALUES (1, 5)")
    second = migrate_stores(postgres_database, clickhouse_url)
    assert (second.postgres, second.clickhouse) == ([], [])
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT name FROM projects").fetchall() == [("kept",)]
    with connect(clickhouse_url) as client:
        assert client.query("SELECT total FROM rollup_hour").result_rows == [(5,)]


def test_processes_that_start_together_do_not_meet(postgres_database: str, clickhouse_url: str) -> None:
    """Of several processes one migrates and the others find it done."""
    migrate = "import sys; from sinks.migrate import migrate_stores; "
    migrate += "report = migrate_stores(*sys.argv[1:]); print(len(report.postgres), len(report.clickhouse))"
    command = [sys.executable, "-c", migrate, postgres_database, clickhouse_url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = sorted(process.communicate()[0].strip() for process in processes)
    assert [process.returncode for process in processes] == [0, 0, 0]
    count = f"{len(read_migrations('sinks.postgres'))} {len(read_migrations('sinks.clickhouse'))}"
    assert outputs == ["0 0", "0 0", count]


def test_newer_database_is_refused(postgres_database: str, clickhouse_url: str) -> None:
    """An older SmolHog does not touch what a newer one wrote."""
    migrate_stores(postgres_database, clickhouse_url)
    with psycopg.connect(postgres_database) as connection:
        connection.execute("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_future', 'x')")
    with connect(clickhouse_url) as client:
        client.command("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_future', 'x')")
    with pytest.raises(MigrationError, match=r"PostgreSQL.*9999_future.*newer"):
        migrate_postgres(postgres_database)
    with pytest.raises(MigrationError, match=r"ClickHouse.*9999_future.*newer"):
        migrate_clickhouse(clickhouse_url)


def test_edited_file_is_refused(postgres_database: str, clickhouse_url: str) -> None:
    """A released migration that reads otherwise than what was applied is a mistake."""
    migrate_stores(postgres_database, clickhouse_url)
    with psycopg.connect(postgres_database) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'other' WHERE name = '0001_start'")
    with pytest.raises(MigrationError, match="0001_start was changed"):
        migrate_postgres(postgres_database)


def test_database_of_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    """Text of any language must fit: only UTF-8 will do, and the message says so."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE ascii_only ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        )
        try:
            with pytest.raises(MigrationError, match=r"SQL_ASCII.*UTF8"):
                migrate_postgres(postgres_server.url("ascii_only"))
        finally:
            connection.execute("DROP DATABASE ascii_only WITH (FORCE)")


def test_postgres_migrates_whole_or_not_at_all(postgres_database: str) -> None:
    """A statement that fails takes all before it back."""
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE sink_positions (mine int)")
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT to_regclass('events')").fetchall() == [(None,)]


@pytest.mark.parametrize("done", [1, 4, 8])
def test_clickhouse_goes_on_after_a_kill(clickhouse_url: str, done: int) -> None:
    """Without transactions, a migration that was killed half way is finished by the next start."""
    (first, *_) = read_migrations("sinks.clickhouse")
    with connect(clickhouse_url) as client:
        for statement in first.statements[:done]:
            client.command(statement)
    assert "0001_start" in migrate_clickhouse(clickhouse_url)
    with connect(clickhouse_url) as client:
        tables = client.query("SELECT count() FROM system.tables WHERE database = currentDatabase()")
        assert tables.result_rows[0][0] >= len(first.statements) + 1


def test_files_out_of_order_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers have neither gaps nor twins; comments and several statements are told apart."""
    folder = tmp_path / "numbered_sql" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    (folder / "0001_one.sql").write_text("-- A; b;\nCREATE TABLE a (\n    x int -- y\n);\n\nSELECT ';';\n")
    (first,) = read_migrations("numbered_sql")
    assert first.statements == ("CREATE TABLE a (\n    x int -- y\n)", "SELECT ';'")
    (folder / "0003_three.sql").write_text("SELECT 3;")
    with pytest.raises(MigrationError, match=r"0003_three.*number 0002"):
        read_migrations("numbered_sql")
