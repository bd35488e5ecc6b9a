"""`smolhog projects …` and `smolhog keys …`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from projects import registry
from projects.errors import ProjectError
from projects.keys import KeyKind
from smolhog.errors import SmolHogError
from smolhog.options import DataOption, JsonOption
from smolhog.settings_loading import load_settings
from smolhog.stores import postgres_connection
from smolhog.terminal import ERR, OUT, print_json

projects_app = typer.Typer(
    help="Make and list projects. A project keeps its events apart from all others.", no_args_is_help=True
)
keys_app = typer.Typer(
    help="Make, list and revoke keys. A write key sends events, a read key asks about them.",
    no_args_is_help=True,
)

ProjectArgument = Annotated[str, typer.Argument(help="Name or number of the project.", show_default=False)]


@projects_app.command("create", epilog="Example: smolhog projects create shop")
def create_project(
    name: Annotated[str, typer.Argument(help="Name of the new project.", show_default=False)],
    data: DataOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a project."""
    if not name.strip() or len(name) > 100:
        raise SmolHogError("a project's name has 1 to 100 characters", "Choose another name.")
    with _database(data) as connection:
        project = registry.create_project(connection, name.strip())
    if as_json:
        print_json(project)
        return
    OUT.print(f'Project "{escape(project.name)}" has number {project.project_id}.')
    OUT.print(f"Next: smolhog keys create {escape(project.name)} --kind write", style="dim")


@projects_app.command("list", epilog="Example: smolhog projects list --json")
def list_projects(*, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List all projects."""
    with _database(data) as connection:
        projects = registry.list_projects(connection)
    if as_json:
        print_json(projects)
        return
    table = Table("number", "name", "made", "keeps events", "paused")
    for project in projects:
        table.add_row(
            str(project.project_id),
            escape(project.name),
            f"{project.created_at:%Y-%m-%d %H:%M} UTC",
            "for ever" if project.retention_days is None else f"{project.retention_days} days",
            "" if project.paused_at is None else f"since {project.paused_at:%Y-%m-%d %H:%M} UTC",
        )
    OUT.print(table)


@projects_app.command("retention", epilog="Example: smolhog projects retention shop --days 90")
def set_retention(
    project: ProjectArgument,
    *,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Keep events that long.", show_default=False)
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Keep everything.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how long a project keeps its events, by the day (UTC) of the event's time.

    What is older goes within ten minutes and then once a day: raw and rejected events, columnar copy, numbers,
    sessions. What is known of people stays; `smolhog people delete` deletes it.
    """
    if (days is None) == (not forever):
        raise SmolHogError("say how long", "Give either --days or --forever.")
    with _database(data) as connection:
        found = registry.find_project(connection, project)
        registry.set_retention(connection, found.project_id, days)
        found = registry.find_project(connection, project)
    if as_json:
        print_json(found)
        return
    keeps = "everything" if days is None else f"events for {days} days; older ones are deleted for good"
    OUT.print(f'Project "{escape(found.name)}" keeps {keeps}.')


@projects_app.command("pause", epilog="Example: smolhog projects pause shop")
def pause_project(project: ProjectArgument, data: DataOption = None, *, as_json: JsonOption = False) -> None:
    """Take no events of a project until it is resumed. Its clients are told to keep theirs and come back.

    Within five seconds gateways answer 503 with Retry-After, and close its connections. Nothing that was
    acknowledged is held back.
    """
    with _database(data) as connection:
        found = registry.find_project(connection, project)
        registry.pause_project(connection, found.project_id, pause=True)
        found = registry.find_project(connection, project)
    if as_json:
        print_json(found)
        return
    OUT.print(f'Project "{escape(found.name)}" takes no events until `smolhog projects resume`.')


@projects_app.command("resume", epilog="Example: smolhog projects resume shop")
def resume_project(project: ProjectArgument, data: DataOption = None, *, as_json: JsonOption = False) -> None:
    """Take events of a paused project again."""
    with _database(data) as connection:
        found = registry.find_project(connection, project)
        registry.pause_project(connection, found.project_id, pause=False)
        found = registry.find_project(connection, project)
    if as_json:
        print_json(found)
        return
    OUT.print(f'Project "{escape(found.name)}" takes events.')


@keys_app.command(
    "create",
    epilog="Example: smolhog keys create shop --kind write --name 'mobile app', then give it to the SDK.",
)
def create_key(
    project: ProjectArgument,
    kind: Annotated[KeyKind, typer.Option(help="write: send events. read: ask the query API.")],
    name: Annotated[str, typer.Option(help="A name that tells what the key is for.")] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="A web origin whose pages may use the key, as in https://shop.example; "
            "repeat it for several. Not given: any.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, this once.

    Only the key goes to standard output, so that a script can keep it.
    """
    with _database(data) as connection:
        found = registry.find_project(connection, project)
        key = registry.create_key(connection, found.project_id, kind, name, origin or ())
    if as_json:
        print_json(
            {"key": key.secret, "kind": kind.value, "project": found.name, "project_id": found.project_id}
        )
        return
    sys.stdout.write(f"{key.secret}\n")
    sys.stdout.flush()
    ERR.print(
        f'This {kind.value} key opens the project "{escape(found.name)}". Keep it now: '
        "it is stored as a hash and cannot be shown again."
    )


@keys_app.command("list", epilog="Example: smolhog keys list")
def list_keys(*, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List all keys by their last four characters; the secrets are not stored."""
    with _database(data) as connection:
        keys = registry.list_keys(connection)
    if as_json:
        print_json(keys)
        return
    table = Table("number", "project", "kind", "name", "ends with", "origins", "made", "revoked")
    for key in keys:
        table.add_row(
            str(key.key_id),
            escape(key.project),
            key.kind,
            escape(key.name),
            key.hint,
            escape(" ".join(key.origins or ["any"])),
            f"{key.created_at:%Y-%m-%d %H:%M} UTC",
            "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M} UTC",
        )
    OUT.print(table)


@keys_app.command("revoke", epilog="Example: smolhog keys revoke 3")
def revoke_key(
    key: Annotated[
        int, typer.Argument(help="Number of the key, from `smolhog keys list`.", show_default=False)
    ],
    data: DataOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key; within five seconds nothing accepts it any more."""
    with _database(data) as connection:
        registry.revoke_key(connection, key)
        revoked = next(found for found in registry.list_keys(connection) if found.key_id == key)
    if as_json:
        print_json(revoked)
        return
    OUT.print(f"Key {key} is revoked.")


@contextmanager
def _database(data: Path | None) -> Iterator[psycopg.Connection]:
    try:
        with postgres_connection(load_settings(data)) as connection:
            yield connection
    except ProjectError as error:
        raise SmolHogError(f"{error}") from error
