"""`smolhog backup` and `smolhog restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from smolhog.errors import SmolHogError
from smolhog.options import DataOption, JsonOption
from smolhog.progress import progress_bar
from smolhog.settings import Settings
from smolhog.settings_loading import load_settings
from smolhog.sizes_text import bytes_text
from smolhog.terminal import ERR, OUT, NoticePrinter, print_json

_WAIT_SECONDS = 300.0
_CHECK_SECONDS = 30.0


def backup_command(
    file: Annotated[Path, typer.Argument(help="The backup; replaced if it is there.", show_default=False)],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up everything that is stored, as one snapshot, while events stream in.

    That is PostgreSQL: raw and rejected events, projects, keys, dashboards. ClickHouse is made from it again when
    it is restored. What is only in the event log by then is not in the backup.

    Exit code: 0 done, 1 not done, 130 stopped by Ctrl-C; a file that was there stays as it was.
    """
    from smolhog.backup import back_up  # noqa: PLC0415 - other commands need no drivers

    try:
        with ERR.status("backing up") as status:
            size = back_up(
                load_settings(data),
                file,
                lambda written: status.update(f"backing up: {bytes_text(written)} written"),
            )
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        print_json({"file": str(file), "bytes": size})
        return
    OUT.print(f"Backed up to {escape(str(file))}: {bytes_text(size)}.")


def restore_command(
    file: Annotated[Path, typer.Argument(help="A backup.", show_default=False)],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new installation from a backup: both stores, with every number counted from the raw events.

    Starts the stack on an empty data folder (or on empty databases, where URLs name them), restores, counts, checks
    as `smolhog verify` does, and stops. Clients may connect meanwhile; nothing of theirs is lost.

    Exit code: 0 restored, 1 not restored.
    """
    settings = load_settings(data)
    if not file.is_file():
        raise SmolHogError(f"there is no file {file}")
    # What it says meanwhile is for people, and goes where it is not in the way of the answer.
    console = ERR if as_json else OUT
    events = asyncio.run(_restore(settings, file, console))
    if as_json:
        print_json({"file": str(file), "data": str(settings.data.absolute()), "events": events})
        return
    OUT.print("Restored. `smolhog up` starts it.")


async def _restore(settings: Settings, file: Path, console: Console) -> int:
    """Return how many raw events there are."""
    from smolhog.backup import raw_span, restore_postgres  # noqa: PLC0415 - as above
    from smolhog.repair import recount_restored, verify  # noqa: PLC0415
    from smolhog.running import running_stack  # noqa: PLC0415

    console.print(f"Restoring into {settings.data.absolute()}")
    printer = NoticePrinter(console, verbose=False)
    async with running_stack(
        settings,
        printer,
        lambda _: None,
        before_migration=lambda resolved: restore_postgres(resolved, file),
    ) as (_, resolved):
        span = await asyncio.to_thread(raw_span, resolved)
        if span.hours is None:
            console.print("The backup has no events.")
            return 0
        console.print(f"{span.events:,} raw events are back. Counting them:")
        with progress_bar("counting") as on_progress:
            await asyncio.to_thread(
                recount_restored,
                resolved,
                span.hours,
                wait_seconds=_WAIT_SECONDS,
                on_progress=on_progress,
            )
        with progress_bar("checking") as on_progress:
            found = await asyncio.to_thread(
                verify,
                resolved,
                None,
                span.hours,
                dimensions=False,
                patience_seconds=_CHECK_SECONDS,
                on_progress=on_progress,
            )
        if found.differences:
            raise SmolHogError(
                f"{len(found.differences):,} numbers differ from the raw events",
                "Start it with `smolhog up`, then run `smolhog verify`.",
            )
        console.print(f"{found.raw_events:,} events checked, no difference.")
        return found.raw_events
