"""Commands that run things: `up`, `demo`, `migrate`, and the processes of the stack."""

import asyncio
from typing import Annotated

import typer

from smolhog.options import DataOption, JsonOption, OpenOption, VerboseOption
from smolhog.settings_loading import load_settings
from smolhog.terminal import OUT, print_json


def up_command(
    *,
    open_browser: OpenOption = False,
    data: DataOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Start everything and keep it running until Ctrl-C.

    PostgreSQL, ClickHouse and the event log come embedded, without Docker and without root; each is
    left out when a URL names a server: SMOLHOG_POSTGRES_URL, SMOLHOG_CLICKHOUSE_URL,
    SMOLHOG_AMQP_URL. The first start makes a project and shows its two keys, and the address of the
    dashboard, which opens with the read key.
    """
    # Here, so that --help need not load the drivers of every store.
    from smolhog.running import run_up  # noqa: PLC0415

    asyncio.run(run_up(load_settings(data), verbose=verbose, open_browser=open_browser))


def demo_command(
    *,
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Events a second.")] = 200,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after so long. [default: at Ctrl-C]", show_default=False)
    ] = None,
    open_browser: OpenOption = False,
    data: DataOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Watch simulated shoppers flow through the whole pipeline.

    Starts the stack unless `smolhog up` already runs on the folder, and sends the events to a
    project of their own, named "demo". Prints the address of the dashboard that shows them.
    """
    from smolhog.demo import run_demo  # noqa: PLC0415 - as in up_command

    asyncio.run(
        run_demo(load_settings(data), rate=rate, seconds=seconds, verbose=verbose, open_browser=open_browser)
    )


def migrate_command(
    *,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for stores that do not answer.")] = 30,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring PostgreSQL and ClickHouse to this version's schema. Harmless when they are."""
    from smolhog.migration import migrate  # noqa: PLC0415 - as in up_command

    report = migrate(load_settings(data), patience_seconds=wait)
    if as_json:
        print_json(report)
        return
    for store, names in (("PostgreSQL", report.postgres), ("ClickHouse", report.clickhouse)):
        OUT.print(f"{store}: " + (", ".join(names) if names else "up to date"))


def gateway_command(*, data: DataOption = None) -> None:
    """Run one gateway in the foreground; `smolhog up` and compose start it."""
    # Each process loads its own room only: it starts sooner and stays smaller.
    from smolhog.processes import run_gateway  # noqa: PLC0415

    run_gateway(load_settings(data))


def dataflow_command(
    *,
    index: Annotated[int, typer.Option(min=0, help="Which of the processes this is, from 0.")] = 0,
    total: Annotated[int, typer.Option(min=1, help="Processes that share the partitions.")] = 1,
    data: DataOption = None,
) -> None:
    """Run one dataflow process in the foreground; `smolhog up` and compose start it."""
    if index >= total:
        raise typer.BadParameter(f"must be below --total {total}, got {index}", param_hint="--index")
    from smolhog.processes import run_dataflow  # noqa: PLC0415 - as in gateway_command

    run_dataflow(load_settings(data), index, total)


def query_api_command(
    *,
    watch_processes: Annotated[
        bool,
        typer.Option(
            "--watch-processes",
            help="The gateway and the dataflows run on this machine by the same settings: show how they are.",
        ),
    ] = False,
    data: DataOption = None,
) -> None:
    """Run the query API in the foreground; `smolhog up` and compose start it."""
    from smolhog.processes import run_query_api  # noqa: PLC0415 - as in gateway_command

    run_query_api(load_settings(data), watch_processes=watch_processes)
