"""The command ``smolhog import``."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from smolhog.import_errors import ImportStoppedError
from smolhog.import_vendors import ImportFormat
from smolhog.importer import ImportOptions, ImportProgress, ImportReport, import_file
from smolhog.options import JsonOption
from smolhog.settings_loading import load_settings
from smolhog.terminal import print_json
from smolhog.urls import gateway_url
from smolhog_client import GatewayRefusedError, Unauthorized

_SOME_REJECTED = 1
_USAGE = 2
_INTERRUPTED = 130


_FileArgument = Annotated[
    Path,
    typer.Argument(help="CSV (.csv) or JSON lines (.jsonl, .ndjson, .json); also with .gz.", dir_okay=False),
]
_KeyOption = Annotated[
    str,
    typer.Option("--key", envvar="SMOLHOG_WRITE_KEY", help="Write key of the project.", show_default=False),
]
_UrlOption = Annotated[
    str | None, typer.Option(help="Gateway to send to. Not given: the one that the settings name.")
]
_FormatOption = Annotated[
    ImportFormat,
    typer.Option(
        "--format",
        help="Whose export the file is; `columns` is a file of your own. Not given: found out.",
        show_default=False,
    ),
]
_MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Column for event, distinct_id, timestamp, session_id or event_id, "
        "where its name does not say so. May be repeated.",
    ),
]
_NumbersOption = Annotated[
    str, typer.Option(metavar="COL,COL", help="Columns of a CSV file that hold numbers.")
]
_TimezoneOption = Annotated[str, typer.Option(help="Zone of times that do not say theirs.")]
_StateOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder that remembers how far each import has come. Not given: `imports` in the data folder.",
        file_okay=False,
    ),
]
_RestartOption = Annotated[
    bool, typer.Option("--restart", help="Send every row again; rows already stored count once.")
]
_RejectsOption = Annotated[
    bool, typer.Option("--rejects", help="Write all rejected rows to a file in the state folder.")
]


def import_command(
    file: _FileArgument,
    key: _KeyOption,
    url: _UrlOption = None,
    vendor: _FormatOption = "auto",
    mapped: _MapOption = None,
    numbers: _NumbersOption = "",
    timezone: _TimezoneOption = "UTC",
    state: _StateOption = None,
    *,
    restart: _RestartOption = False,
    rejects: _RejectsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import a file of events. Run again after a stop, it goes on; run twice, it adds nothing.

    Each row becomes one event; columns that are not event, distinct_id, timestamp, session_id or
    event_id become properties. Rows that cannot be read are listed, and the others stored. Exports of
    PostHog, Mixpanel and Amplitude (JSON lines) and of Plausible (CSV) are known by what is in them.

    Exit code: 0 all stored, 1 some rows rejected, 2 nothing could be done, 130 stopped by Ctrl-C.
    """
    console = Console(stderr=True)
    settings = load_settings()
    url = url or gateway_url(settings).replace("http", "ws", 1)
    try:
        options = ImportOptions(
            file=file,
            write_key=key,
            url=url,
            state=state or settings.data / "imports",
            mapped=_mapping(mapped or []),
            numbers=frozenset(name.strip() for name in numbers.split(",") if name.strip()),
            zone=_zone(timezone),
            vendor=vendor,
            restart=restart,
            write_rejects=rejects,
        )
        report = _import_with_progress(options, console)
    except KeyboardInterrupt:
        console.print("Stopped. Run the same command again to go on where it stopped.")
        raise typer.Exit(_INTERRUPTED) from None
    except Unauthorized:
        _fail(console, f"the gateway at {url} does not know this write key: see `smolhog keys list`")
    except (ImportStoppedError, GatewayRefusedError, ValueError) as error:
        _fail(console, str(error))
    else:
        if as_json:
            print_json(report)
        else:
            _print_report(report, file, console)
        if report.rejected:
            raise typer.Exit(_SOME_REJECTED)


def _fail(console: Console, why: str) -> None:
    console.print(Text.assemble(("Import failed: ", "bold red"), why))
    raise typer.Exit(_USAGE)


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not equals or not column or name in mapping:
            raise ValueError(
                f"--map {pair}: write FIELD=COLUMN, each field once, e.g. --map distinct_id=customer"
            )
        mapping[name] = column
    return mapping


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"--timezone {name}: no such zone; write it like Europe/Berlin") from error


def _import_with_progress(options: ImportOptions, console: Console) -> ImportReport:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        return asyncio.run(import_file(options, on_progress=_painter(bar)))


def _painter(bar: Progress) -> Callable[[ImportProgress], None]:
    """Make the function that shows progress: one bar per phase."""
    tasks = {
        "hashing": bar.add_task("reading", total=None, rows=""),
        "sending": bar.add_task("sending", total=None, rows="", visible=False),
    }

    def paint(progress: ImportProgress) -> None:
        task = tasks[progress.phase]
        words = "reading" if progress.phase == "hashing" else "sending"
        rows = f"{progress.stored:,} stored" if progress.phase == "sending" else ""
        if progress.rejected:
            rows += f", {progress.rejected:,} rejected"
        bar.update(
            task,
            description=words if progress.connected else "waiting for the gateway",
            completed=progress.bytes_done,
            total=progress.bytes_total,
            rows=rows,
            visible=True,
        )

    return paint


def _print_report(report: ImportReport, file: Path, console: Console) -> None:
    if report.already_imported:
        console.print(
            f"{file.name} was imported before: all {report.rows:,} rows are settled. "
            "To send them again: --restart (rows already stored count once)."
        )
    table = Table(title=f"Import of {file.name}", title_justify="left", show_header=False)
    if report.vendor != "columns":
        table.add_row("export of", report.vendor)
    table.add_row("rows", f"{report.rows:,}")
    table.add_row("stored", f"{report.stored:,}")
    table.add_row("rejected", f"{report.rejected:,}")
    sent_now = report.rows - report.settled_before
    if report.settled_before:
        table.add_row("of earlier runs", f"{report.settled_before:,}")
    table.add_row("time", f"{report.seconds:.1f} s ({sent_now / max(report.seconds, 1e-3):,.0f} rows/s)")
    if report.rejects_file is not None:
        table.add_row("rejected rows in", str(report.rejects_file))
    console.print(table)
    for row in report.first_rejected:
        console.print(Text(f"line {row.line}: {row.message} ({row.code})"))
    if report.rejected > len(report.first_rejected) and report.rejects_file is None:
        console.print("All rejected rows: run again with --restart --rejects.")
