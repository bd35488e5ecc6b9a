"""Projects and keys in PostgreSQL: made, listed, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from projects.audit import record_action
from projects.errors import NoSuchKey, NoSuchProject, ProjectExists
from projects.keys import KeyKind, NewKey, new_key
from projects.origins import parse_origin

# Whoever holds keys in memory listens; see projects/directory.py.
_TELL = "NOTIFY smolhog_keys"


@dataclass(frozen=True, slots=True)
class Project:
    """One body of events; nothing is ever shared between two."""

    project_id: int
    name: str
    created_at: datetime
    paused_at: datetime | None
    """Since when it takes no events."""
    retention_days: int | None
    """How long it keeps its events; ``None`` for ever."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key once its secret has been shown."""

    key_id: int
    project_id: int
    project: str
    kind: str
    name: str
    hint: str
    created_at: datetime
    revoked_at: datetime | None
    origins: list[str] | None
    """The web origins that may use it; ``None`` for any."""


def create_project(connection: psycopg.Connection, name: str) -> Project:
    """Create a project.

    Raises:
        ProjectExists: there is one of that name.
    """
    with connection.transaction(), connection.cursor(row_factory=class_row(Project)) as cursor:
        cursor.execute(
            "INSERT INTO projects (name) VALUES (%s) ON CONFLICT (name) DO NOTHING "
            "RETURNING project_id, name, created_at, paused_at, retention_days",
            [name],
        )
        project = cursor.fetchone()
        if project is not None:
            record_action(connection, "project.create", project.project_id, name=name)
    if project is None:
        raise ProjectExists(name)
    return project


def list_projects(connection: psycopg.Connection) -> list[Project]:
    """Return all projects, oldest first."""
    with connection.transaction(), connection.cursor(row_factory=class_row(Project)) as cursor:
        return cursor.execute(
            "SELECT project_id, name, created_at, paused_at, retention_days FROM projects ORDER BY project_id"
        ).fetchall()


def find_project(connection: psycopg.Connection, name: str) -> Project:
    """Return the project of that name, or else of that number.

    Raises:
        NoSuchProject: there is none.
    """
    projects = list_projects(connection)
    named = [project for project in projects if project.name == name]
    numbered = [project for project in projects if str(project.project_id) == name]
    for project in named + numbered:
        return project
    raise NoSuchProject(name)


def pause_project(connection: psycopg.Connection, project_id: int, *, pause: bool) -> None:
    """Have a project take no events, or take them again; gateways follow within seconds.

    Doing it twice is no error.
    """
    with connection.transaction():
        cursor = connection.execute(
            "UPDATE projects SET paused_at = CASE WHEN %(pause)s THEN now() END "
            "WHERE project_id = %(project)s AND (paused_at IS NULL) = %(pause)s",
            {"pause": pause, "project": project_id},
        )
        if cursor.rowcount:
            record_action(connection, "project.pause" if pause else "project.resume", project_id)
        connection.execute(_TELL)


def set_retention(connection: psycopg.Connection, project_id: int, days: int | None) -> None:
    """Set how many days a project keeps its events; ``None`` for ever. Carried out by :mod:`sinks.retention`."""
    with connection.transaction():
        connection.execute(
            "UPDATE projects SET retention_days = %s, pruned_before = NULL WHERE project_id = %s",
            [days, project_id],
        )
        record_action(connection, "project.retention", project_id, days=days)


def create_key(
    connection: psycopg.Connection, project_id: int, kind: KeyKind, name: str, origins: Sequence[str] = ()
) -> NewKey:
    """Make a key of a project. Its secret is in the answer and nowhere else.

    Args:
        connection: to PostgreSQL.
        project_id: whose key it is.
        kind: what it allows.
        name: what it is for, in a person's words.
        origins: the web origins whose pages may use it; none for any.

    Raises:
        NoSuchProject: there is no such project.
        InvalidOrigin: one of ``origins`` is none.
    """
    allowed = sorted({parse_origin(origin) for origin in origins}) or None
    key = new_key(kind)
    try:
        with connection.transaction():
            connection.execute(
                "INSERT INTO keys (project_id, kind, name, digest, hint, origins) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                [project_id, kind.value, name, key.digest, key.hint, allowed],
            )
            record_action(
                connection,
                "key.create",
                project_id,
                kind=kind.value,
                hint=key.hint,
                name=name,
                origins=allowed,
            )
            connection.execute(_TELL)
    except psycopg.errors.ForeignKeyViolation as error:
        raise NoSuchProject(str(project_id)) from error
    return key


def list_keys(connection: psycopg.Connection) -> list[KeyRecord]:
    """Return all keys, the revoked ones too, oldest first."""
    with connection.transaction(), connection.cursor(row_factory=class_row(KeyRecord)) as cursor:
        return cursor.execute(
            "SELECT key_id, keys.project_id, projects.name AS project, kind, keys.name, hint, "
            "keys.created_at, revoked_at, origins FROM keys JOIN projects USING (project_id) ORDER BY key_id"
        ).fetchall()


def revoke_key(connection: psycopg.Connection, key_id: int) -> None:
    """Revoke a key; gateways and query APIs follow within seconds. Revoking twice is no error.

    Raises:
        NoSuchKey: there is none of that number.
    """
    with connection.transaction():
        cursor = connection.execute(
            "UPDATE keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = %s RETURNING project_id",
            [key_id],
        )
        row = cursor.fetchone()
        if row is not None:
            record_action(connection, "key.revoke", row[0], key_id=key_id)
        connection.execute(_TELL)
    if row is None:
        raise NoSuchKey(key_id)
