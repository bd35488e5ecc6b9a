"""`smolhog rejected …`."""

import asyncio
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
import typer
from rich.markup import escape
from rich.table import Column, Table

from event_log.errors import EventLogError
from projects.errors import ProjectError
from projects.registry import find_project
from schemas.reasons import RejectReason
from sinks.postgres.rejected import RejectedQuery, RejectedRecord, read_rejected
from smolhog.errors import SetupRefused, SmolHogError
from smolhog.options import DataOption, JsonOption
from smolhog.settings import Settings
from smolhog.settings_loading import load_settings
from smolhog.stores import postgres_connection
from smolhog.terminal import OUT, print_json
from smolhog.time_range import FROM_HELP, TO_HELP, ProjectOption, parse_instant

rejected_app = typer.Typer(
    help="Look at events that were refused, and send them again after a fix. None is ever thrown away.",
    no_args_is_help=True,
)
ReasonOption = Annotated[
    RejectReason | None, typer.Option("--reason", metavar="REASON", help="Only those refused for this.")
]
BeginOption = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help=f"Arrival. {FROM_HELP}", show_default=False)
]
EndOption = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help=f"Arrival. {TO_HELP}", show_default=False)
]


@rejected_app.command("list", epilog="Example: smolhog rejected list --project shop --from -24h")
def list_rejected(
    *,
    project: ProjectOption = None,
    reason: ReasonOption = None,
    begin: BeginOption = None,
    end: EndOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most events listed.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List rejected events, newest first."""
    with _database(load_settings(data)) as connection:
        query = RejectedQuery(
            project_id=_project_id(connection, project),
            reason=reason,
            begin=parse_instant(begin, "--from"),
            end=parse_instant(end, "--to"),
            limit=limit,
            payload_bytes=2**30 if as_json else 0,
        )
        found = read_rejected(connection, query)
    if as_json:
        print_json([_as_json(record) for record in found])
        return
    table = Table(
        "number",
        "project",
        Column("arrived", no_wrap=True),
        Column("reason", no_wrap=True),
        "message",
        Column("sent again", no_wrap=True),
    )
    for record in found:
        table.add_row(
            str(record.rejected_id),
            str(record.project_id or ""),
            _time(record.received_at),
            record.reason,
            escape(record.message),
            "" if record.replayed_at is None else f"{record.replayed_at:%Y-%m-%d}",
        )
    OUT.print(table)


@rejected_app.command("show", epilog="Example: smolhog rejected show 17")
def show_rejected(
    number: Annotated[
        int, typer.Argument(help="Its number, from `smolhog rejected list`.", show_default=False)
    ],
    data: DataOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one rejected event with all that came."""
    with _database(load_settings(data)) as connection:
        found = read_rejected(connection, RejectedQuery(rejected_id=number))
    if not found:
        raise SmolHogError(
            f"there is no rejected event {number}", "`smolhog rejected list` shows those there are."
        )
    shown = _as_json(found[0])
    if as_json:
        print_json(shown)
        return
    payload = shown.pop("payload")
    for name, value in shown.items():
        if value is not None:
            OUT.print(f"{name:<15} {escape(str(value))}")
    OUT.print()
    sys.stdout.write(f"{payload}\n")


@rejected_app.command("replay", epilog="Example: smolhog rejected replay --reason event_too_large --dry-run")
def replay_rejected(
    *,
    number: Annotated[int | None, typer.Option("--number", help="Only this one.", show_default=False)] = None,
    project: ProjectOption = None,
    reason: ReasonOption = None,
    begin: BeginOption = None,
    end: EndOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Most events tried.")] = 1_000_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would pass.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge rejected events again, and send those that pass now into the pipeline.

    Each is stored once however often this is run: it keeps its id, or gets one from its place in the
    log. Those still refused stay as they are. Those that were sent again before are left out.
    """
    settings = load_settings(data)
    with _database(settings) as connection:
        query = RejectedQuery(
            project_id=_project_id(connection, project),
            rejected_id=number,
            reason=reason,
            begin=parse_instant(begin, "--from"),
            end=parse_instant(end, "--to"),
            replayed_too=False,
            limit=limit,
        )
        report = asyncio.run(_replay(connection, settings, query, dry_run=dry_run))
    if as_json:
        print_json({"passed": report.passed, "refused": report.refused, "dry_run": dry_run})
        return
    OUT.print(f"{report.passed:,} events {'would pass' if dry_run else 'sent again'}.")
    for refused, count in report.refused.most_common():
        OUT.print(f"{count:,} still refused: {refused}")


async def _replay(
    connection: psycopg.Connection, settings: Settings, query: RejectedQuery, *, dry_run: bool
) -> Any:
    # Here, so that --help need not load the gateway.
    from smolhog.processes import open_log  # noqa: PLC0415
    from smolhog.rejected_replay import replay  # noqa: PLC0415

    log = await open_log(settings)
    try:
        return await replay(connection, log, query, settings.limits, dry_run=dry_run)
    finally:
        await log.close()


@contextmanager
def _database(settings: Settings) -> Iterator[psycopg.Connection]:
    try:
        with postgres_connection(settings) as connection:
            yield connection
    except psycopg.errors.UndefinedColumn as error:
        raise SetupRefused("the database is of an older SmolHog", "Run `smolhog migrate`.") from error
    except ProjectError as error:
        raise SmolHogError(str(error)) from error
    except EventLogError as error:
        raise SmolHogError(f"the event log: {error}", "Run this again when it answers.") from error


def _project_id(connection: psycopg.Connection, project: str | None) -> int | None:
    return None if project is None else find_project(connection, project).project_id


def _time(instant: Any) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"


def _as_json(record: RejectedRecord) -> dict[str, Any]:
    shown = record._asdict()
    text = record.payload.decode(errors="replace")
    shown["payload"] = text
    if text.encode() != record.payload:
        shown["payload_base64"] = b64encode(record.payload).decode()
    for name in ("received_at", "replayed_at"):
        shown[name] = None if shown[name] is None else shown[name].isoformat()
    return shown
