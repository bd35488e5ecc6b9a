"""`smolhog flow run` without a name: all flows of the settings, each in a process of its own, and nothing else."""

import asyncio

from smolhog.data_folder import FolderLock, make_folder
from smolhog.errors import SettingsInvalid
from smolhog.ports import check_ports
from smolhog.settings import Settings
from smolhog.stack import flow_ports, flows, resolve, set_umask
from smolhog.supervisor import Supervisor
from smolhog.terminal import OUT, NoticePrinter


async def run_flows(settings: Settings, *, verbose: bool) -> None:
    """Run them until a signal asks to stop.

    Raises:
        AlreadyRunning: `smolhog up` runs on the data folder, and with it the flows.
        SettingsInvalid: the settings name no flow.
        PortTaken: before anything was started.
    """
    set_umask()
    folder = make_folder(settings.data)
    lock = await asyncio.to_thread(FolderLock.take, folder)
    try:
        resolved = resolve(settings, folder)
        children = flows(resolved)
        if not children:
            raise SettingsInvalid(
                "SMOLHOG_FLOWS names no flow" + (f": {settings.flows} has none" if settings.flows else ""),
                "It names files, or folders with a folder for each flow: FOLDER/NAME/NAME.py.",
            )
        check_ports(flow_ports(resolved))
        printer = NoticePrinter(OUT, verbose=verbose)
        async with Supervisor(lock, printer, verbose=verbose) as supervisor:
            supervisor.launch(*children)
            OUT.print(f"{len(children)} flows run. Ctrl-C stops them; each goes on where it was.")
            await supervisor.signals.requested.wait()
    finally:
        lock.release()
