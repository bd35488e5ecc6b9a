"""`smolhog verify` and `smolhog rebuild`."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from sinks.verify import Difference, Verification
from smolhog.errors import SmolHogError
from smolhog.options import DataOption, JsonOption
from smolhog.progress import progress_bar
from smolhog.settings_loading import load_settings
from smolhog.terminal import ERR, OUT, print_error, print_json
from smolhog.time_range import FromOption, ProjectOption, ToOption, format_hour, parse_hours

SHOWN = 50
_DIFFERENT = 1
_NOT_CHECKED = 2
_INTERRUPTED = 130


def verify_command(
    *,
    project: ProjectOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    dimensions: Annotated[
        bool,
        typer.Option("--dimensions", help="Check each property's values, too: reads every raw event."),
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds that a store may stand still before it counts as it is.")
    ] = 10,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that rollups and columnar copy say what the raw events say.

    Counts the raw events in PostgreSQL by project, event, minute and hour, and compares them with the
    rollups and, by the hour, with the columnar copy in ClickHouse. Events may stream in meanwhile:
    both sides are compared up to the same place of the event log.

    Exit code: 0 no difference, 1 differences, 2 the check could not be made.
    """
    # Here, so that --help need not load the drivers of every store.
    from smolhog.repair import verify  # noqa: PLC0415

    try:
        hours = parse_hours(begin, end)
        with progress_bar("checking") as on_progress:
            found = verify(
                load_settings(data),
                project,
                hours,
                dimensions=dimensions,
                patience_seconds=wait,
                on_progress=on_progress,
            )
    except SmolHogError as error:
        print_error(error)
        raise typer.Exit(_NOT_CHECKED) from error
    if as_json:
        print_json(_as_json(found))
    else:
        _print_verification(found)
    if found.differences:
        raise typer.Exit(_DIFFERENT)


def rebuild_command(
    *,
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="Start, as for `smolhog verify`.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="End, likewise.")],
    project: ProjectOption = None,
    columnar: Annotated[
        bool,
        typer.Option(
            "--columnar",
            help="Also add to the columnar copy what it lacks, and count distinct users and sessions from it.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds to wait for the dataflow to reach the start of the rebuild.")
    ] = 120,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the rollups of a time anew from the raw events.

    For when their state was lost or `smolhog verify` finds a difference. The dataflow has to run, and
    events may stream in meanwhile. Buckets are whole hours, so the range is widened to whole hours.
    Stopped or killed half way, run it again; run twice, it changes nothing.

    Exit code: 0 done, 1 not done, 130 stopped by Ctrl-C.
    """
    from smolhog.repair import rebuild  # noqa: PLC0415 - as in verify_command

    hours = parse_hours(begin, end)
    whose = f'project "{project}"' if project else "all projects"
    if not yes:
        typer.confirm(
            f"Count {whose} from {format_hour(hours.begin)} to {format_hour(hours.end)} anew?", abort=True
        )
    try:
        with progress_bar("counting") as on_progress:
            report = rebuild(
                load_settings(data),
                project,
                hours,
                columnar=columnar,
                wait_seconds=wait,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        ERR.print("Stopped. Hours not yet done are as before; run the same command again to do them.")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(report)
        return
    OUT.print(
        f"Counted {report.events:,} events of {report.hours:,} hours anew: {report.rows:,} rows in the rollups."
    )
    if columnar:
        OUT.print(f"Added {report.columnar_events:,} events to the columnar copy.")
    OUT.print("Next: smolhog verify", style="dim")


def _print_verification(found: Verification) -> None:
    if found.differences:
        table = Table(
            Column("table", no_wrap=True),
            "project",
            "event",
            "bucket",
            "property",
            *(Column(name, justify="right", no_wrap=True) for name in ("raw", "stored", "difference")),
        )
        for difference in found.differences[:SHOWN]:
            table.add_row(*map(escape, _cells(difference)))
        OUT.print(table)
        more = len(found.differences) - SHOWN
        if more > 0:
            OUT.print(f"and {more:,} more; --json lists all.")
    OUT.print(
        f"{found.raw_events:,} raw events compared; {len(found.differences):,} cells differ, "
        f"by {found.difference:,} in all."
    )
    if found.left_out:
        OUT.print(f"{found.left_out:,} buckets were written to meanwhile: only their totals were compared.")
    for lag in found.lags:
        ERR.print(
            f"Partition {lag.partition}: the rollups had come to offset {lag.counted} of {lag.stored} and stood "
            "still: what differs may only be late. Does the dataflow run?",
            style="yellow",
        )


def _cells(found: Difference) -> tuple[str, ...]:
    breakdown = f"{found.dimension} = {found.value or '(all values)'}" if found.dimension else ""
    return (
        found.table,
        str(found.project_id),
        found.event,
        format_hour(found.bucket),
        breakdown,
        f"{found.raw:,}",
        f"{found.stored:,}",
        f"{found.stored - found.raw:+,}",
    )


def _as_json(found: Verification) -> dict[str, object]:
    return {
        "from": format_hour(found.hours.begin),
        "to": format_hour(found.hours.end),
        "raw_events": found.raw_events,
        "difference": found.difference,
        "cells": [{**cell._asdict(), "bucket": format_hour(cell.bucket)} for cell in found.differences],
        "left_out": found.left_out,
        "lags": [lag._asdict() for lag in found.lags],
    }
