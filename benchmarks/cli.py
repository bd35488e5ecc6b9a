"""The command line: ``python -m benchmarks --help``."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from benchmarks.campaign import STAGES, Options, Outcome, run_stages
from benchmarks.end_to_end import run_end_to_end
from benchmarks.load import Load
from benchmarks.report.capacity import CAPACITY, RunIncompleteError, write_capacity
from benchmarks.report.docs import DOCS, write_docs
from benchmarks.report.files import REPORTS, RUN_FILE, latest_report, report_folder, write_report
from benchmarks.report.flow_costs import PAGE as FLOW_COSTS
from benchmarks.report.flow_costs import write_flow_costs
from benchmarks.results import Result, Run, put_into, read_run, write_run
from benchmarks.services import has_rabbitmq, running_broker
from benchmarks.sizes import FULL, QUICK, TINY
from benchmarks.tables import comparison_table, result_table
from smolhog.supervisor import StopRequested

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)
_err = Console(stderr=True)


@app.callback()
def _describe() -> None:
    """Measure SmolHog on this machine, load generators included; every figure has a loss check."""


@app.command("end-to-end")
def end_to_end_command(
    *,
    events: Annotated[int, typer.Option(min=100, help="Events to send in each run.")] = 200_000,
    batch: Annotated[int, typer.Option(min=1, max=1_000, help="Events in a batch.")] = 100,
    connections: Annotated[int, typer.Option(min=1, help="WebSocket connections.")] = 4,
    log: Annotated[
        Literal["sqlite", "rabbitmq", "both"],
        typer.Option(help="Event log; for rabbitmq a private broker is started."),
    ] = "both",
    client: Annotated[
        Literal["wire", "sdk"],
        typer.Option(help="Load generator: `wire` costs next to nothing, `sdk` is what people run."),
    ] = "wire",
    rate: Annotated[
        float,
        typer.Option(min=0, help="Events a second at fixed times; 0: as fast as they are acknowledged."),
    ] = 0,
    profile: Annotated[
        Path | None,
        typer.Option(help="Folder for profiles of gateway and dataflow (collapsed stacks, by py-spy)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each run.")] = False,
) -> None:
    """Measure from WebSocket to both stores."""
    if rate and client == "sdk":
        raise typer.BadParameter("goes with --client wire", param_hint="--rate")
    load = Load(events, batch=batch, connections=connections, rate=rate, client=client)
    results: list[Result] = []
    for name in ("sqlite", "rabbitmq") if log == "both" else (log,):
        with ExitStack() as stack:
            amqp_url = None
            if name == "rabbitmq":
                if not has_rabbitmq():
                    _err.print("rabbitmq-server is not installed: that run is left out.")
                    continue
                amqp_url = stack.enter_context(running_broker()).url
            _err.print(f"Sending {events:,} events over {name} …")
            folder = profile if profile is None or log != "both" else profile / name
            results.append(uvloop.run(run_end_to_end(load, amqp_url=amqp_url, profile=folder)))
    if as_json:
        for result in results:
            print(msgspec.json.encode(result).decode())
    else:
        Console().print(comparison_table(results))
    if not all(result.holds for result in results):
        _err.print("[red]Events were lost or doubled.")
        raise typer.Exit(1)


_ReportFolder = Annotated[Path, typer.Option(help="Folder for reports; each gets one of its own in it.")]
_Docs = Annotated[
    bool, typer.Option("--docs", help="Show this run in docs/performance.md, too.", show_default=False)
]
_Pathway = Annotated[
    Path | None,
    typer.Option(help="An interpreter that has Pathway, to compare with; it need not be this one."),
]


@app.command("run")
def run_command(
    *, reports: _ReportFolder = REPORTS, docs: _Docs = False, pathway_python: _Pathway = None
) -> None:
    """Measure everything in a few minutes and write a report."""
    _run_and_report("run", Options(QUICK, pathway_python), reports, docs=docs)


@app.command("full")
def full_command(
    *, reports: _ReportFolder = REPORTS, docs: _Docs = False, pathway_python: _Pathway = None
) -> None:
    """Measure everything thoroughly, for an hour or so, and write a report. Needs 100 GB of disk at most."""
    _run_and_report("full", Options(FULL, pathway_python), reports, docs=docs)


@app.command("stage")
def stage_command(
    names: Annotated[list[str], typer.Argument(help=f"One or more of: {', '.join(STAGES)}.")],
    *,
    full: Annotated[bool, typer.Option("--full", help="With the sizes of `full`.")] = False,
    tiny: Annotated[bool, typer.Option("--tiny", help="With a few events: does it work at all?")] = False,
    pathway_python: _Pathway = None,
    into: Annotated[
        Path | None, typer.Option(help="Folder of a report: put what is measured in place of what it has.")
    ] = None,
    docs: _Docs = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON.")] = False,
) -> None:
    """Run single stages and print what they measured."""
    if docs and into is None:
        raise typer.BadParameter("goes with --into: single stages are no report", param_hint="--docs")
    if unknown := [name for name in names if name not in STAGES]:
        raise typer.BadParameter(f"there is no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
    # Read first: nobody should measure for an hour and then hear that there is nothing to put it into.
    if into is not None and not (into / RUN_FILE).is_file():
        raise typer.BadParameter(f"there is no {RUN_FILE} in {into}", param_hint="--into")
    earlier = None if into is None else read_run(into / RUN_FILE)
    sizes = FULL if full else TINY if tiny else QUICK
    *_, run = run_stages("stage", names, Options(sizes, pathway_python), _tell)
    if as_json:
        print(msgspec.json.encode(run).decode())
    if earlier is not None and into is not None:
        whole = put_into(earlier, run)
        write_run(whole, into / RUN_FILE)
        _write(whole, into, docs=docs)
    _end(run)


@app.command("flows")
def flows_command(
    *,
    full: Annotated[bool, typer.Option("--full", help="With the sizes of `full`.")] = False,
    docs: Annotated[
        bool,
        typer.Option("--docs", help="Write the figures into docs/dataflows-cost.md.", show_default=False),
    ] = False,
) -> None:
    """Measure what each step and output of a flow costs."""
    *_, run = run_stages("flows", ["flows"], Options(FULL if full else QUICK), _tell)
    if docs and run.holds and run.results:
        write_flow_costs(run)
        _err.print(f"Written into {FLOW_COSTS}")
    _end(run)


@app.command("report")
def report_command(
    runs: Annotated[
        Path | None,
        typer.Argument(help="Folder of a report, whose run.json is read. Not given: the latest one."),
    ] = None,
    *,
    reports: _ReportFolder = REPORTS,
    docs: _Docs = False,
) -> None:
    """Write the report of a run again, from what was measured then."""
    folder = runs or latest_report(reports)
    if folder is None or not (folder / RUN_FILE).exists():
        raise typer.BadParameter(f"there is no {RUN_FILE} in {folder or reports}")
    run = read_run(folder / RUN_FILE)
    _write(run, folder, docs=docs)


def _run_and_report(kind: str, options: Options, reports: Path, *, docs: bool) -> None:
    runs: list[Run] = []
    for run in run_stages(kind, list(STAGES), options, _tell):
        # Whoever presses Ctrl-C keeps what was measured; `report` makes a report of it.
        write_run(run, report_folder(reports, run) / RUN_FILE)
        runs.append(run)
    _write(runs[-1], report_folder(reports, runs[-1]), docs=docs)
    _end(runs[-1])


def _write(run: Run, folder: Path, *, docs: bool) -> None:
    write_report(run, folder)
    _err.print(f"Report: {folder / 'report.md'} and {folder / 'report.html'}")
    if docs:
        try:
            write_capacity(run, CAPACITY)
        except RunIncompleteError as error:
            _err.print(f"[red]Not written into {DOCS}: {escape(str(error))}")
            raise typer.Exit(1) from error
        write_docs(run, DOCS)
        _err.print(f"Written into {DOCS} and {CAPACITY}; `make docs` takes over what other pages say")


def _tell(name: str, outcome: Outcome | None, seconds: float) -> None:
    if outcome is None:
        _err.print(f"[bold]{name}[/bold] …")
        return
    if outcome.results:
        _err.print(result_table(outcome.results))
    for skipped in outcome.skipped:
        _err.print(f"[yellow]{skipped.name}: {escape(skipped.reason)}")
    _err.print(f"{name} took {seconds:.0f} s")


def _end(run: Run) -> None:
    failed = [result.title for result in run.results if not result.holds]
    failed += [skipped.name for skipped in run.skipped if skipped.reason.startswith("failed")]
    if failed:
        _err.print(f"[red]Failed, or lost or doubled events: {', '.join(failed)}")
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; Ctrl-C ends every process that was started."""
    try:
        app()
    except (KeyboardInterrupt, StopRequested):
        _err.print("Stopped.")
        sys.exit(130)
