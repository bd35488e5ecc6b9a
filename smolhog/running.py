"""`smolhog up`: a data folder, a stack in it, until somebody says stop."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from smolhog.child import Notice
from smolhog.data_folder import FolderLock, make_folder
from smolhog.first_keys import ProjectKeys, ensure_first_project
from smolhog.settings import Settings
from smolhog.stack import resolve, set_umask, start_stack
from smolhog.supervisor import StopRequested, Supervisor
from smolhog.terminal import OUT, NoticePrinter, open_page, print_first_keys
from smolhog.urls import dashboard_url, gateway_url, query_url


@asynccontextmanager
async def running_stack(
    settings: Settings,
    notify: Callable[[Notice], None],
    prepare: Callable[[Settings], None],
    *,
    before_migration: Callable[[Settings], None] = lambda _: None,
    verbose: bool = False,
) -> AsyncIterator[tuple[Supervisor, Settings]]:
    """Run the whole stack while the block runs.

    Args:
        settings: as read.
        notify: told of whatever happens to a process.
        prepare: see :func:`smolhog.stack.start_stack`.
        before_migration: likewise.
        verbose: pass on all output of the processes.

    Yields:
        The supervisor, and the settings with the ports that were chosen.

    Raises:
        SmolHogError: the stack cannot be started.
        StopRequested: a signal came while it was starting.
    """
    set_umask()
    folder = make_folder(settings.data)
    lock = await asyncio.to_thread(FolderLock.take, folder)
    try:
        resolved = resolve(settings, folder)
        async with Supervisor(lock, notify, verbose=verbose) as supervisor:
            await start_stack(supervisor, resolved, prepare, before_migration)
            yield supervisor, resolved
    finally:
        lock.release()


async def run_up(settings: Settings, *, verbose: bool, open_browser: bool = False) -> None:
    """Start everything, say where it is, and wait for a signal.

    Args:
        settings: as read.
        verbose: show all output of the processes.
        open_browser: show the dashboard as soon as it is there.
    """
    made: list[ProjectKeys] = []

    def prepare(resolved: Settings) -> None:
        keys = ensure_first_project(resolved)
        if keys is not None:
            made.append(keys)

    OUT.print(f"SmolHog starts on {settings.data.absolute()}")
    printer = NoticePrinter(OUT, verbose=verbose)
    try:
        async with running_stack(settings, printer, prepare, verbose=verbose) as (supervisor, resolved):
            for keys in made:
                print_first_keys(keys)
            OUT.print(f"  gateway    {gateway_url(resolved)}   (WebSocket /v1/stream, HTTP /v1/batch)")
            OUT.print(f"  query API  {query_url(resolved)}   (/analytics/stats, /openapi.json)")
            OUT.print(f"  logs       {supervisor.logs}")
            # The browser remembers the key, so it is needed once; and only a terminal gets to see it.
            page = dashboard_url(resolved, made[0].read_key if made else None)
            OUT.print(f"Dashboard: {page if sys.stdout.isatty() else dashboard_url(resolved)}")
            if open_browser:
                await asyncio.to_thread(open_page, page)
            OUT.print("Ready. Ctrl-C stops everything; nothing that was acknowledged is lost.")
            await supervisor.signals.requested.wait()
            OUT.print("Stopping; a second Ctrl-C kills.")
    except StopRequested:
        OUT.print("Stopped while starting.")
