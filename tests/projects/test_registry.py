"""Projects and keys are made, listed and revoked."""

from collections.abc import Iterator

import psycopg
import pytest

from projects.errors import NoSuchKey, NoSuchProject, ProjectError, ProjectExists
from projects.keys import KeyKind
from projects.registry import (
    create_key,
    create_project,
    find_project,
    list_keys,
    list_projects,
    revoke_key,
)
from sinks.postgres.migrate import migrate_postgres


@pytest.fixture
def connection(postgres_database: str) -> Iterator[psycopg.Connection]:
    """A migrated database."""
    migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database) as connection:
        yield connection


def test_projects_are_listed_oldest_first(connection: psycopg.Connection) -> None:
    """With the numbers that their rows carry everywhere."""
    made = [create_project(connection, name) for name in ("web", "app")]
    assert list_projects(connection) == made
    assert [project.project_id for project in made] == sorted(project.project_id for project in made)


def test_name_is_taken_once(connection: psycopg.Connection) -> None:
    """The second project of a name is refused, and the connection goes on."""
    create_project(connection, "web")
    with pytest.raises(ProjectExists, match="'web'"):
        create_project(connection, "web")
    assert [project.name for project in list_projects(connection)] == ["web"]


def test_project_is_found_by_name_before_number(connection: psycopg.Connection) -> None:
    """A project that is called like another one's number is found by its name."""
    web = create_project(connection, "web")
    app = create_project(connection, "app")
    assert find_project(connection, "web") == web
    assert find_project(connection, str(app.project_id)) == app
    tricky = create_project(connection, str(app.project_id))
    assert find_project(connection, str(app.project_id)) == tricky
    with pytest.raises(NoSuchProject, match="'other'"):
        find_project(connection, "other")


def test_secret_is_stored_nowhere(connection: psycopg.Connection) -> None:
    """What the database knows of a key is its digest and its last four characters."""
    web = create_project(connection, "web")
    key = create_key(connection, web.project_id, KeyKind.WRITE, "ci")
    (record,) = list_keys(connection)
    assert (record.project, record.kind, record.name, record.hint) == ("web", "write", "ci", key.secret[-4:])
    row = connection.execute("SELECT keys::text FROM keys").fetchone()
    assert row is not None
    assert key.secret not in row[0]
    assert key.secret[5:] not in row[0]


def test_key_needs_a_project(connection: psycopg.Connection) -> None:
    """The connection goes on after the refusal."""
    with pytest.raises(NoSuchProject, match="'99'"):
        create_key(connection, 99, KeyKind.READ, "x")
    assert list_keys(connection) == []


def test_revoked_key_is_kept_with_its_first_time(connection: psycopg.Connection) -> None:
    """Revoking twice is no error and changes nothing; a key that was never made is one."""
    web = create_project(connection, "web")
    create_key(connection, web.project_id, KeyKind.READ, "x")
    (key,) = list_keys(connection)
    assert key.revoked_at is None
    revoke_key(connection, key.key_id)
    (first,) = list_keys(connection)
    revoke_key(connection, key.key_id)
    (second,) = list_keys(connection)
    assert first == second
    assert first.revoked_at is not None
    with pytest.raises(NoSuchKey, match="99"):
        revoke_key(connection, 99)


def test_errors_have_one_root() -> None:
    """A caller that only wants to tell people catches one class."""
    assert all(issubclass(error, ProjectError) for error in (ProjectExists, NoSuchKey, NoSuchProject))
