"""The projects and keys that SmolHog makes by itself."""

import json
import stat
from pathlib import Path

import psycopg
import pytest

from projects.directory import KeyDirectory
from projects.keys import KeyKind
from projects.registry import create_project, list_keys, list_projects, revoke_key
from sinks.postgres.migrate import migrate_postgres
from smolhog.errors import SetupRefused
from smolhog.first_keys import DEMO_KEYS_FILE, demo_keys, ensure_first_project
from smolhog.settings import Settings


@pytest.fixture
def settings(postgres_database: str, tmp_path: Path) -> Settings:
    """Settings of a migrated database and an empty data folder."""
    migrate_postgres(postgres_database)
    return Settings(data=tmp_path, postgres_url=postgres_database)


def opens(settings: Settings, secret: str, kind: KeyKind) -> bool:
    """Whether a gateway or query API would take this key."""
    ring = KeyDirectory(settings.postgres_dsn)
    assert ring.refresh()
    return ring.find(secret, kind) is not None


def test_the_first_start_makes_a_project_with_two_keys(settings: Settings) -> None:
    """They are returned once; the second start makes nothing, and nothing secret is on disk."""
    keys = ensure_first_project(settings)
    assert keys is not None
    assert opens(settings, keys.write_key, KeyKind.WRITE)
    assert opens(settings, keys.read_key, KeyKind.READ)
    assert ensure_first_project(settings) is None
    assert list(settings.data.iterdir()) == []


def test_who_made_a_project_gets_no_other(settings: Settings) -> None:
    """A server whose projects were made by hand stays as it is."""
    with psycopg.connect(settings.postgres_dsn) as connection:
        create_project(connection, "shop")
    assert ensure_first_project(settings) is None


def test_the_demo_has_a_project_of_its_own(settings: Settings) -> None:
    """Simulated events never mix with real ones, whichever was started first."""
    demo = demo_keys(settings)
    first = ensure_first_project(settings)
    assert first is not None
    assert (demo.project, first.project) == ("demo", "default")
    with psycopg.connect(settings.postgres_dsn) as connection:
        assert [project.name for project in list_projects(connection)] == ["demo", "default"]


def test_the_demo_keeps_its_keys_where_only_the_owner_reads(settings: Settings) -> None:
    """The second demo uses the same keys, and the file has mode 0600."""
    keys = demo_keys(settings)
    file = settings.data / DEMO_KEYS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["write_key"] == keys.write_key
    assert demo_keys(settings) == keys


@pytest.mark.parametrize("damage", ["lost", "garbage", "revoked"])
def test_demo_keys_that_no_longer_work_are_replaced(settings: Settings, damage: str) -> None:
    """A lost or damaged file, or a revoked key, gives new keys; the old ones stop working."""
    old = demo_keys(settings)
    if damage == "lost":
        (settings.data / DEMO_KEYS_FILE).unlink()
    elif damage == "garbage":
        (settings.data / DEMO_KEYS_FILE).write_text("[]")
    else:
        with psycopg.connect(settings.postgres_dsn) as connection:
            revoke_key(connection, list_keys(connection)[0].key_id)
    new = demo_keys(settings)
    assert opens(settings, new.write_key, KeyKind.WRITE)
    assert not opens(settings, old.write_key, KeyKind.WRITE)
    assert not opens(settings, old.read_key, KeyKind.READ)
    assert new.project == "demo"


def test_a_database_without_tables_is_said_clearly(postgres_database: str, tmp_path: Path) -> None:
    """Forgetting to migrate gives the command that does it."""
    with pytest.raises(SetupRefused) as refused:
        demo_keys(Settings(data=tmp_path, postgres_url=postgres_database))
    assert "smolhog migrate" in refused.value.advice
