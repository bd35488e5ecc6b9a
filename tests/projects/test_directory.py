"""Live keys are known within seconds, and stay known while PostgreSQL is away."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from projects import directory
from projects.directory import KeyDirectory
from projects.keys import KeyKind
from projects.registry import create_key, create_project, list_keys, pause_project, revoke_key
from sinks.postgres.migrate import migrate_postgres

NOWHERE = "postgresql://smolhog@127.0.0.1:1/none"
PATIENCE_SECONDS = 30.0


@pytest.fixture
def connection(postgres_database: str) -> Iterator[psycopg.Connection]:
    """A migrated database with one project."""
    migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        create_project(connection, "web")
        yield connection


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def test_key_opens_what_it_is_for(connection: psycopg.Connection, postgres_database: str) -> None:
    """A write key is found as a write key only, and with its project."""
    key = create_key(connection, 1, KeyKind.WRITE, "x")
    keys = KeyDirectory(postgres_database)
    assert not keys.ready
    assert keys.find(key.secret, KeyKind.WRITE) is None
    assert keys.refresh()
    found = keys.find(key.secret, KeyKind.WRITE)
    assert found is not None
    assert found.project_id == 1
    assert keys.find(key.secret, KeyKind.READ) is None
    assert keys.find(key.secret + "0", KeyKind.WRITE) is None
    assert keys.find("\ud800", KeyKind.WRITE) is None


def test_revocation_takes_effect_by_itself(
    connection: psycopg.Connection, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running directory sees new keys and revoked ones without being asked."""
    monkeypatch.setattr(directory, "REFRESH_SECONDS", 0.02)
    keys = KeyDirectory(postgres_database)
    keys.start()
    try:
        key = create_key(connection, 1, KeyKind.WRITE, "x")
        wait_until(lambda: keys.find(key.secret, KeyKind.WRITE) is not None)
        revoke_key(connection, list_keys(connection)[0].key_id)
        wait_until(lambda: keys.find(key.secret, KeyKind.WRITE) is None)
        assert keys.ready
    finally:
        keys.close()


def test_a_pause_takes_effect_by_itself_and_is_in_the_snapshot(
    connection: psycopg.Connection, postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of a paused project are known as such, also to a gateway that starts without PostgreSQL."""
    monkeypatch.setattr(directory, "REFRESH_SECONDS", 0.02)
    snapshot = tmp_path / "keys.json"
    keys = KeyDirectory(postgres_database, snapshot)
    keys.start()
    try:
        key = create_key(connection, 1, KeyKind.WRITE, "x").secret

        def is_paused() -> bool | None:
            found = keys.find(key, KeyKind.WRITE)
            return None if found is None else found.is_paused

        wait_until(lambda: is_paused() is False)
        pause_project(connection, 1, pause=True)
        wait_until(lambda: is_paused() is True)
    finally:
        keys.close()
    alone = KeyDirectory("host=127.0.0.1 port=1", snapshot)
    alone.start()
    try:
        found = alone.find(key, KeyKind.WRITE)
        assert found is not None
        assert found.is_paused
    finally:
        alone.close()


def test_snapshot_serves_a_start_without_postgres(
    connection: psycopg.Connection, postgres_database: str, tmp_path: Path
) -> None:
    """A gateway that starts while PostgreSQL is away knows the keys of before, and no secret is on disk."""
    key = create_key(connection, 1, KeyKind.WRITE, "x")
    snapshot = tmp_path / "made" / "keys.json"
    KeyDirectory(postgres_database, snapshot).refresh()
    assert key.secret not in snapshot.read_text()
    assert key.secret[5:] not in snapshot.read_text()
    later = KeyDirectory(NOWHERE, snapshot)
    later.start()
    try:
        assert later.ready
        assert later.find(key.secret, KeyKind.WRITE) is not None
        assert later.find(key.secret, KeyKind.READ) is None
    finally:
        later.close()


def test_keys_stay_known_while_postgres_is_away(
    connection: psycopg.Connection, postgres_database: str
) -> None:
    """A refresh that fails forgets nothing."""
    key = create_key(connection, 1, KeyKind.WRITE, "x")
    keys = KeyDirectory(postgres_database)
    keys.refresh()
    keys._dsn = NOWHERE
    assert not keys.refresh()
    assert keys.find(key.secret, KeyKind.WRITE) is not None


@pytest.mark.parametrize(
    "text", ["", "{", "5", "[1]", '[["zz","write",1,1]]', '[["00","admin",1,1]]', "[[1,2,3,4]]"]
)
def test_damaged_snapshot_is_no_snapshot(tmp_path: Path, text: str) -> None:
    """It is told in the log; the gateway starts and waits for PostgreSQL."""
    snapshot = tmp_path / "keys.json"
    snapshot.write_text(text)
    keys = KeyDirectory(NOWHERE, snapshot)
    keys.start()
    try:
        assert not keys.ready
    finally:
        keys.close()


def test_snapshot_that_cannot_be_written_keeps_nobody_out(
    connection: psycopg.Connection, postgres_database: str, tmp_path: Path
) -> None:
    """Keys, and revocations above all, take effect though the disk is full."""
    (tmp_path / "file").touch()
    key = create_key(connection, 1, KeyKind.WRITE, "x")
    keys = KeyDirectory(postgres_database, tmp_path / "file" / "keys.json")
    assert keys.refresh()
    assert keys.find(key.secret, KeyKind.WRITE) is not None
    revoke_key(connection, list_keys(connection)[0].key_id)
    assert keys.refresh()
    assert keys.find(key.secret, KeyKind.WRITE) is None
