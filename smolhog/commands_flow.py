"""`smolhog flow run`, `backfill`, `reset`, `list`: flows that people wrote, at work."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from smolhog.errors import SmolHogError
from smolhog.flow_files import FlowFile, find_flow
from smolhog.options import DataOption, JsonOption, VerboseOption
from smolhog.settings import Settings
from smolhog.settings_loading import load_settings
from smolhog.sizes_text import duration_text
from smolhog.terminal import ERR, OUT, print_json

if TYPE_CHECKING:
    from dataflows.kit.flow import Flow
    from smolhog.flow_list import ListedFlow

_INTERRUPTED = 130

FlowArgument = Annotated[
    str, typer.Argument(metavar="FLOW", help="Its file, its folder, or its name.", show_default=False)
]


def run_command(
    flow: Annotated[
        str | None,
        typer.Argument(
            metavar="FLOW",
            help="Its file, its folder, or its name. Not given: all flows that SMOLHOG_FLOWS names.",
            show_default=False,
        ),
    ] = None,
    *,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start it again whenever its files change: while you write it.")
    ] = False,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve its metrics there.", show_default=False)
    ] = None,
    data: DataOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Run a flow in the foreground until Ctrl-C. It goes on where it was.

    The stack has to run (`smolhog up`), or the services that the settings name. Flows that SMOLHOG_FLOWS names
    are run by `smolhog up` itself. A flow is safe to kill at any moment.

    Exit code: 0 its files have ended, 1 it cannot go on, 130 stopped by Ctrl-C.
    """
    settings = _settings(data)
    try:
        if flow is None:
            from smolhog.flow_supervision import run_flows  # noqa: PLC0415 - --help needs no drivers

            asyncio.run(run_flows(settings, verbose=verbose))
        elif reload:
            _run_reloading(settings, find_flow(settings, flow), metrics_port)
        else:
            from smolhog.flow_process import run_flow_process  # noqa: PLC0415 - as above

            run_flow_process(settings, find_flow(settings, flow), metrics_port)
    except KeyboardInterrupt:
        ERR.print("Stopped. It goes on where it was when it is run again.")
        raise typer.Exit(_INTERRUPTED) from None


def backfill_command(flow: FlowArgument, *, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run a flow until it has caught up with the log, with a progress bar, and stop it then.

    For a new flow, before it is put into SMOLHOG_FLOWS: it reads what its source says, raw events and then the
    log, or the log from where it starts. Stopped or killed half way, run it again: it goes on where it was. If the
    flow runs already, this watches it until it has caught up.

    Exit code: 0 it has caught up, 1 it ended before, 130 stopped by Ctrl-C.
    """
    from smolhog.flow_backfill import backfill  # noqa: PLC0415 - --help needs no drivers
    from smolhog.flow_bar import catch_up_bar  # noqa: PLC0415 - as above

    settings = _settings(data)
    found = find_flow(settings, flow)
    declared = load(found)
    try:
        with catch_up_bar(found.name) as show:
            done = backfill(settings, found, declared, show)
    except KeyboardInterrupt:
        ERR.print("Stopped. Run the same command again to go on where it stopped.")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(done)
        return
    took = duration_text(done.seconds)
    OUT.print(f"Flow {found.name} has caught up: {done.events:,} events in {took}.")
    if not done.was_running:
        OUT.print(
            f"Next: smolhog flow run {escape(flow)}, or start `smolhog up` with it in SMOLHOG_FLOWS.",
            style="dim",
        )


def reset_command(
    flow: FlowArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget how far a flow has come, so that it begins anew, as its source says.

    What it wrote stays: rows of an `add` table would be added again, so empty its tables first where they are not
    replaced by what comes. The flow must not run.
    """
    from dataflows.kit.errors import FlowOwned  # noqa: PLC0415 - --help needs no drivers
    from dataflows.kit.run import reset_flow  # noqa: PLC0415 - as above
    from smolhog.flow_process import flow_options  # noqa: PLC0415 - as above

    settings = _settings(data)
    found = find_flow(settings, flow)
    declared = load(found)
    if not yes:
        typer.confirm(
            f"Forget how far flow {declared.name}, version {declared.version}, has come?", abort=True
        )
    try:
        reset_flow(declared, flow_options(settings))
    except FlowOwned as error:
        raise SmolHogError(str(error), "Stop it first.") from error
    if as_json:
        print_json({"flow": declared.name, "version": declared.version})
        return
    OUT.print(f"Flow {declared.name} begins anew when it is run. What it wrote is still there.")


def list_command(*, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the flows of SMOLHOG_FLOWS and those below ./flows: what they read and write, and how they are."""
    from smolhog.flow_list import list_flows  # noqa: PLC0415 - --help needs no drivers

    flows = list_flows(_settings(data))
    if as_json:
        print_json(flows)
        return
    if not flows:
        OUT.print("No flows yet. `smolhog flow new NAME` writes one.")
        return
    OUT.print(_table(flows))
    for flow in flows:
        if flow.reason:
            OUT.print(f"[red]{escape(flow.name)}: {escape(flow.reason)}[/]")


def load(flow_file: FlowFile) -> "Flow":
    """Load a flow.

    Raises:
        SmolHogError: its file is none.
    """
    from dataflows.kit.errors import FlowInvalid  # noqa: PLC0415 - --help needs no Bytewax
    from smolhog.flow_process import load_named  # noqa: PLC0415 - as above

    try:
        return load_named(flow_file)
    except FlowInvalid as error:
        raise SmolHogError(str(error)) from error


def _settings(data: Path | None) -> Settings:
    settings = load_settings(data)
    return settings.model_copy(update={"data": settings.data.absolute()})


def _run_reloading(settings: Settings, flow_file: FlowFile, metrics_port: int | None) -> None:
    from smolhog.flow_reload import run_reloading  # noqa: PLC0415 - nobody else needs it
    from smolhog.settings_loading import as_environment  # noqa: PLC0415 - as above

    os.environ.update(as_environment(settings))
    command = [sys.executable, "-m", "smolhog", "flow", "run", str(flow_file.file)]
    if metrics_port is not None:
        command += ["--metrics-port", str(metrics_port)]
    run_reloading(command, flow_file.file, lambda text: ERR.print(text, style="yellow"))


def _table(flows: "list[ListedFlow]") -> Table:
    table = Table("flow", "state", "reads", "writes", "behind", "started")
    for flow in flows:
        style = {"runs": "green", "fails": "red"}.get(flow.state, "default")
        table.add_row(
            f"{escape(flow.name)} v{flow.version}" if flow.version else escape(flow.name),
            f"[{style}]{flow.state}[/]",
            escape(flow.source),
            escape("\n".join(flow.outputs)),
            "" if flow.behind is None else f"{flow.behind:,}",
            f"{flow.starts:,} times" if flow.starts else "",
        )
    return table
