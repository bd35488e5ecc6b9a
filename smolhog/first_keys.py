"""The projects and keys that SmolHog makes by itself: the first project, and the demo's.

The secrets of the first project are returned once, to be shown, and written nowhere. The demo needs
its keys again on its second run, so they are kept in a file of mode 0600 in the data folder; that is
why the demo has a project of its own: whoever reads the file can touch nothing but simulated events,
and those never mix with real ones.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from projects.directory import KeyDirectory
from projects.errors import NoSuchProject, ProjectExists
from projects.keys import KeyKind
from projects.registry import (
    Project,
    create_key,
    create_project,
    find_project,
    list_keys,
    list_projects,
    revoke_key,
)
from smolhog.settings import Settings
from smolhog.stores import postgres_connection, postgres_dsn

FIRST_PROJECT = "default"
DEMO_PROJECT = "demo"
DEMO_KEYS_FILE = "demo-keys.json"


@dataclass(frozen=True, slots=True)
class ProjectKeys:
    """A project's secrets."""

    project: str
    write_key: str
    read_key: str


def ensure_first_project(settings: Settings) -> ProjectKeys | None:
    """Make the first project and its two keys, unless there is a project other than the demo's.

    Raises:
        ServiceUnreachable: PostgreSQL does not answer.

    Returns:
        The secrets, which exist nowhere else; ``None`` when there was nothing to make.
    """
    with postgres_connection(settings) as connection:
        if any(project.name != DEMO_PROJECT for project in list_projects(connection)):
            return None
        try:
            project = create_project(connection, FIRST_PROJECT)
        except ProjectExists:
            return None  # another SmolHog on the same database was quicker, and shows the keys
        # All in the transaction that psycopg commits at the end: no project is left without keys.
        return _new_keys(connection, project, FIRST_PROJECT)


def demo_keys(settings: Settings) -> ProjectKeys:
    """Return the demo's keys: those in the data folder if they still open the project, or new ones.

    Raises:
        ServiceUnreachable: PostgreSQL does not answer.
    """
    file = settings.data / DEMO_KEYS_FILE
    with postgres_connection(settings) as connection:
        kept = _read(file)
        if kept is not None and _are_live(settings, kept):
            return kept
        try:
            project = find_project(connection, DEMO_PROJECT)
        except NoSuchProject:
            project = create_project(connection, DEMO_PROJECT)
        for key in list_keys(connection):
            # Nobody can know their secrets any more, but for a copy of the lost file.
            if key.project_id == project.project_id and key.name == DEMO_PROJECT and key.revoked_at is None:
                revoke_key(connection, key.key_id)
        keys = _new_keys(connection, project, DEMO_PROJECT)
    _write(file, keys)
    return keys


def _new_keys(connection: psycopg.Connection, project: Project, name: str) -> ProjectKeys:
    return ProjectKeys(
        project=project.name,
        write_key=create_key(connection, project.project_id, KeyKind.WRITE, name).secret,
        read_key=create_key(connection, project.project_id, KeyKind.READ, name).secret,
    )


def _are_live(settings: Settings, keys: ProjectKeys) -> bool:
    ring = KeyDirectory(postgres_dsn(settings))
    ring.refresh()
    write = ring.find(keys.write_key, KeyKind.WRITE)
    read = ring.find(keys.read_key, KeyKind.READ)
    return write is not None and read is not None and write.project_id == read.project_id


def _read(file: Path) -> ProjectKeys | None:
    try:
        return ProjectKeys(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # not there, or not ours: new keys are made


def _write(file: Path, keys: ProjectKeys) -> None:
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    # Never readable by others, not even before a chmod.
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(asdict(keys), handle)
    new.replace(file)
