"""`smolhog plan`."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from smolhog.capacity import Capacity, read_capacity
from smolhog.options import JsonOption
from smolhog.plan import BUSY, Plan, Wanted, plan
from smolhog.settings import Settings
from smolhog.sizes_text import bytes_text
from smolhog.terminal import OUT, print_json

_HOURS = int(Settings.model_fields["log_retention_hours"].default)


def plan_command(
    *,
    events_per_second: Annotated[float, typer.Option(min=0.01, help="At the busiest time.")],
    event_bytes: Annotated[
        float | None,
        typer.Option(min=50, help="JSON of one event. [default: as measured]", show_default=False),
    ] = None,
    batch: Annotated[
        Literal["1", "10", "100", "500"], typer.Option(help="Events that a client sends at once.")
    ] = "100",
    users: Annotated[int, typer.Option(min=1, help="People in a month.")] = 5_000,
    retention_days: Annotated[int, typer.Option(min=1, help="Days for which events are kept.")] = 365,
    log_hours: Annotated[
        int, typer.Option(min=1, help="Hours for which the event log keeps what was stored.")
    ] = _HOURS,
    log: Annotated[Literal["sqlite", "rabbitmq"], typer.Option(help="Event log.")] = "rabbitmq",
    as_json: JsonOption = False,
) -> None:
    """Reckon what a number of events a second needs: cores, memory, disk, partitions, processes.

    By the figures of the run in docs/performance.md; the answer says where it goes beyond them.
    """
    measured = read_capacity()
    wanted = Wanted(
        events_per_second=events_per_second,
        event_bytes=measured.event_bytes if event_bytes is None else event_bytes,
        batch=int(batch),
        users=users,
        retention_days=retention_days,
        log_hours=log_hours,
        log=log,
    )
    found = plan(wanted, measured)
    if as_json:
        answer = {"wanted": asdict(wanted), "plan": asdict(found), "measured": _source(measured)}
        print_json(answer)
    else:
        _show(found, measured)


def _source(measured: Capacity) -> dict[str, str | int | float]:
    return {
        "on": measured.measured_on,
        "commit": measured.commit,
        "cpu": measured.cpu,
        "cores": measured.cores,
        "memory_gib": measured.memory_gib,
    }


def _show(found: Plan, measured: Capacity) -> None:
    OUT.print(
        f"{found.gateway_processes} gateway, {found.dataflow_processes} dataflow processes, "
        f"{found.partitions} partitions\n"
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("", "cores", "memory"):
        table.add_column(title, justify="right" if title else "left")
    for name in found.memory_mib:
        table.add_row(name, f"{found.cores.get(name, 0):.1f}", bytes_text(found.memory_mib[name] * 1024**2))
    total = bytes_text(sum(found.memory_mib.values()) * 1024**2)
    table.add_row("together", f"{sum(found.cores.values()):.1f}", total)
    OUT.print(table, f"[dim]Cores that are {BUSY:.0%} busy.[/]\n")
    _lines("disk", {name: bytes_text(size) for name, size in found.disk_bytes.items()})
    _lines("network", {name: f"{rate:,.1f} Mbit/s" for name, rate in found.network_mbit.items()})
    OUT.print(
        "Settings: "
        + escape(f"SMOLHOG_PARTITIONS={found.partitions} ")
        + f"SMOLHOG_DATAFLOW_PROCESSES={found.dataflow_processes} "
        f"SMOLHOG_LOG_RETENTION_BYTES={found.log_retention_bytes}\n"
    )
    OUT.print(
        f"Reckoned from the run of {measured.measured_on[:10]} on {measured.cores} cores of {measured.cpu}, "
        f"{measured.memory_gib:g} GiB, SmolHog at {measured.commit} (docs/performance.md)."
    )
    for sentence in found.extrapolated:
        OUT.print(f"[yellow]Not measured:[/] {escape(sentence)}")


def _lines(title: str, rows: dict[str, str]) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in rows.items():
        table.add_row(name, value)
    OUT.print(table, "")
