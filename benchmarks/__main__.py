"""``python -m benchmarks``: prints a table of one end-to-end run for each event log."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.end_to_end import EndToEnd, run_end_to_end
from tests.fixtures_rabbitmq import RabbitMQ


def main(
    *,
    events: Annotated[int, typer.Option(min=1_000, help="Events to send in each run.")] = 200_000,
    batch: Annotated[int, typer.Option(min=1, max=1_000, help="Events in a batch.")] = 100,
    connections: Annotated[int, typer.Option(min=1, help="WebSocket connections.")] = 4,
    log: Annotated[
        str, typer.Option(help="Event log: sqlite, rabbitmq (a private broker is started), or both.")
    ] = "both",
) -> None:
    """Measure from WebSocket to both stores, on this machine, load generator included."""
    if log not in ("sqlite", "rabbitmq", "both"):
        raise typer.BadParameter("must be sqlite, rabbitmq or both", param_hint="--log")
    console = Console()
    runs: list[EndToEnd] = []
    if log in ("sqlite", "both"):
        console.print(f"Sending {events:,} events over the embedded event log …")
        runs.append(uvloop.run(run_end_to_end(events, batch=batch, connections=connections, amqp_url=None)))
    if log in ("rabbitmq", "both"):
        if shutil.which("rabbitmq-server") is None and not Path("/usr/lib/rabbitmq").exists():
            console.print("[yellow]rabbitmq-server is not installed: that run is left out.")
        else:
            with _broker() as broker:
                console.print(f"Sending {events:,} events over RabbitMQ …")
                runs.append(
                    asyncio.run(
                        run_end_to_end(events, batch=batch, connections=connections, amqp_url=broker.url)
                    )
                )
    console.print(_table(runs, batch, connections))
    if not all(run.lossless for run in runs):
        console.print("[red]Events were lost or doubled.")
        raise typer.Exit(1)


@contextmanager
def _broker() -> Iterator[RabbitMQ]:
    with tempfile.TemporaryDirectory(prefix="smolhog-bench-rabbitmq-") as folder:
        broker = RabbitMQ(Path(folder))
        broker.start()
        try:
            yield broker
        finally:
            broker.close()


def _table(runs: list[EndToEnd], batch: int, connections: int) -> Table:
    table = Table(title=f"{batch} events a batch, {connections} connections", title_justify="left")
    table.add_column("")
    for run in runs:
        table.add_column(run.event_log, justify="right")
    table.add_row("events sent", *(f"{run.sent:,}" for run in runs))
    table.add_row("gateway acked / s", *(f"{run.acked_per_second:,.0f}" for run in runs))
    table.add_row("stored / s, both stores", *(f"{run.stored_per_second:,.0f}" for run in runs))
    table.add_row(
        "CPU µs an event", *(f"{sum(run.cpu_microseconds.values()):.1f}" for run in runs), end_section=False
    )
    for name in runs[0].cpu_microseconds if runs else ():
        table.add_row(f"  {name}", *(f"{run.cpu_microseconds.get(name, 0):.1f}" for run in runs))
    table.add_row("resident MiB", *(f"{run.resident_mib:,.0f}" for run in runs))
    table.add_section()
    for label, field in (
        ("acked", "acked"),
        ("raw rows", "raw"),
        ("distinct ids", "distinct_ids"),
        ("columnar rows", "columnar"),
        ("hourly rollup", "rollup_hour"),
        ("rollup by minute", "rollup_minute"),
    ):
        table.add_row(label, *(f"{_number(run, field):,}" for run in runs))
    table.add_row("loss check", *("none lost, none doubled" if run.lossless else "FAILED" for run in runs))
    return table


def _number(run: EndToEnd, field: str) -> int:
    return run.acked if field == "acked" else int(getattr(run.stored, field))


if __name__ == "__main__":
    typer.run(main)
