"""`smolhog status`."""

import time
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from smolhog.flow_states import FlowState
from smolhog.options import DataOption, JsonOption
from smolhog.settings import Settings
from smolhog.settings_loading import load_settings
from smolhog.sizes_text import bytes_text, duration_text
from smolhog.status import PartitionStatus, ProcessStatus, Sizes, StackStatus, status_of
from smolhog.status_samples import Sample, addresses, take_samples
from smolhog.terminal import OUT, print_json

_BETWEEN_SECONDS = 1.0
_SIZES_EVERY_SECONDS = 15.0


def status_command(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Keep the screen up to date until Ctrl-C.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show on one screen how the stack is: rates, what waits, sizes, alarms.

    Asks the processes that the settings name for their metrics, twice within a second.

    Exit code: 0 all is well, 1 there are alarms.
    """
    settings = load_settings(data)
    if watch and not as_json:
        _watch(settings)
        return
    before = _samples(settings)
    time.sleep(_BETWEEN_SECONDS)
    status = status_of(before, _samples(settings), _sizes(settings), _flows(settings))
    if as_json:
        print_json(status)
    else:
        OUT.print(_screen(status))
    if status.alarms:
        raise typer.Exit(1)


def _watch(settings: Settings) -> None:
    before, sizes, sized_at = _samples(settings), _sizes(settings), time.monotonic()
    try:
        with Live(Text("…"), console=OUT, auto_refresh=False, screen=OUT.is_terminal) as live:
            while True:
                time.sleep(_BETWEEN_SECONDS)
                if time.monotonic() - sized_at > _SIZES_EVERY_SECONDS:
                    sizes, sized_at = _sizes(settings), time.monotonic()
                after = _samples(settings)
                live.update(_screen(status_of(before, after, sizes, _flows(settings))), refresh=True)
                before = after
    except KeyboardInterrupt:
        return


def _samples(settings: Settings) -> list[Sample]:
    return take_samples(addresses(settings), settings.metrics_secret)


def _sizes(settings: Settings) -> Sizes:
    # Here, so that other commands need not load the stores' drivers.
    from smolhog.status_sizes import read_sizes  # noqa: PLC0415

    return read_sizes(settings)


def _flows(settings: Settings) -> list[FlowState]:
    from smolhog.flow_state_reading import read_flow_states  # noqa: PLC0415 - as above

    return read_flow_states(settings) or []


def _screen(status: StackStatus) -> Group:
    processes = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
    for title in ("process", "state", "what it does"):
        processes.add_column(title)
    for title in ("memory", "CPU", "up for"):
        processes.add_column(title, justify="right")
    for process in status.processes:
        processes.add_row(*_process_row(process, status))
    partitions = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("partition", "log end", "stored", "behind", "oldest waits", "dedup index"):
        partitions.add_column(title, justify="right")
    for partition in status.partitions:
        partitions.add_row(*_partition_row(partition))
    alarms = [Text.from_markup(f"[red]! {escape(alarm)}[/]") for alarm in status.alarms]
    return Group(
        processes,
        "",
        partitions,
        "",
        *_flow_lines(status.flows),
        f"[dim]spool[/]   {_spool(status)}",
        f"[dim]sizes[/]   {_sizes_line(status.sizes)}",
        "",
        *(alarms or [Text.from_markup("[green]No alarms.[/]")]),
    )


def _process_row(process: ProcessStatus, status: StackStatus) -> tuple[str, ...]:
    if process.problem:
        return process.name, "[red]down[/]", "", "", "", ""
    rates = process.rates
    if process.name == "gateway":
        does = (
            f"{rates['received']:,.0f} events/s in, {rates['acknowledged']:,.0f} acknowledged, "
            f"{rates['rejected']:,.0f} rejected; {status.connections:,} connections"
        )
    elif process.name.startswith("dataflow"):
        does = f"{rates['stored']:,.0f} events/s stored, {rates['deduplicated']:,.0f} repeated, {rates['late']:,.0f} late"
    else:
        does = f"{rates['questions']:,.1f} questions/s"
    return (
        process.name,
        "[green]runs[/]",
        does,
        bytes_text(process.memory_bytes) if process.memory_bytes else "",
        f"{process.cpu_ratio:.0%}" if process.memory_bytes else "",
        duration_text(process.uptime_seconds) if process.uptime_seconds else "",
    )


def _partition_row(partition: PartitionStatus) -> tuple[str, ...]:
    waits = partition.waits_seconds
    ids = partition.dedup_ids
    return (
        str(partition.partition),
        _count(partition.log_end),
        _count(partition.stored),
        _count(partition.behind),
        ("" if waits is None else duration_text(waits)) if partition.is_served else "[red]not served[/]",
        "" if ids is None else f"{ids:,} ids, {bytes_text(partition.dedup_bytes or 0)}",
    )


def _flow_lines(flows: list[FlowState]) -> list[Table | str]:
    """Return a table of the flows that people wrote; nothing where there are none."""
    if not flows:
        return []
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("flow")
    table.add_column("state")
    for title in ("behind", "oldest waits", "starts"):
        table.add_column(title, justify="right")
    for flow in flows:
        style = {"runs": "green", "fails": "red"}.get(flow.state, "default")
        backfill = "" if flow.backfill_done is None else f", backfill {flow.backfill_done:,} events"
        if flow.backfill_total:
            backfill += f" of {flow.backfill_total:,}"
        table.add_row(
            escape(flow.name),
            f"[{style}]{flow.state}[/]{backfill}",
            _count(flow.behind),
            "" if flow.waits_seconds is None else duration_text(flow.waits_seconds),
            f"{flow.starts:,}",
        )
    return [table, ""]


def _spool(status: StackStatus) -> str:
    if not status.spool_capacity_bytes:
        return "none: the event log is on this disk"
    held = (
        f"{status.spool_messages:,} messages, {bytes_text(status.spool_bytes)}"
        if status.spool_messages
        else "empty"
    )
    return f"{held} of {bytes_text(status.spool_capacity_bytes)}"


def _sizes_line(sizes: Sizes) -> str:
    events = f" ({sizes.postgres_events:,} events, about)" if sizes.postgres_events else ""
    parts = (
        ("PostgreSQL", sizes.postgres_bytes, events),
        ("ClickHouse", sizes.clickhouse_bytes, ""),
        ("event log", sizes.log_bytes, ""),
        ("free disk", sizes.free_bytes, ""),
    )
    return ", ".join(f"{name} {bytes_text(size)}{more}" for name, size, more in parts if size is not None)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
