"""Every change that an administrator makes leaves a line, and none leaves a secret."""

from collections.abc import Iterator

import psycopg
import pytest

from projects.audit import read_audit
from projects.errors import NoSuchKey, ProjectExists
from projects.keys import KeyKind
from projects.registry import create_key, create_project, pause_project, revoke_key
from sinks.postgres.migrate import migrate_postgres


@pytest.fixture
def connection(postgres_database: str) -> Iterator[psycopg.Connection]:
    """A migrated database."""
    migrate_postgres(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as opened:
        yield opened


def test_changes_are_listed_newest_first(connection: psycopg.Connection) -> None:
    """Projects, keys and pauses; what changed nothing is not in it."""
    project = create_project(connection, "shop").project_id
    key = create_key(connection, project, KeyKind.WRITE, "app")
    for _ in range(2):
        pause_project(connection, project, pause=True)
    pause_project(connection, project, pause=False)
    revoke_key(connection, 1)
    with pytest.raises(ProjectExists):
        create_project(connection, "shop")
    with pytest.raises(NoSuchKey):
        revoke_key(connection, 99)
    entries = read_audit(connection, limit=10)
    assert [entry.action for entry in entries] == [
        "key.revoke",
        "project.resume",
        "project.pause",
        "key.create",
        "project.create",
    ]
    assert {entry.project_id for entry in entries} == {project}
    assert all("@" in entry.who for entry in entries)
    assert key.secret not in str(entries)
    assert entries[3].details["hint"] == key.hint


def test_entries_come_in_pages(connection: psycopg.Connection) -> None:
    """The number of the last entry is where the next page begins."""
    for number in range(5):
        create_project(connection, f"p{number}")
    first = read_audit(connection, limit=2)
    second = read_audit(connection, limit=2, before=first[-1].audit_id)
    assert [entry.details["name"] for entry in first + second] == ["p4", "p3", "p2", "p1"]
