"""`smolhog demo`: the stack, simulated shoppers, and what becomes of their events."""

import asyncio
import sys
import time
from contextlib import nullcontext

from rich.live import Live

from smolhog.data_folder import is_held, make_folder
from smolhog.demo_feed import DemoFeed
from smolhog.demo_state import DemoState, line, panel, summary
from smolhog.demo_traffic import TrafficStats, stream_traffic
from smolhog.errors import ServiceUnreachable
from smolhog.first_keys import ProjectKeys, demo_keys
from smolhog.running import running_stack
from smolhog.settings import Settings
from smolhog.stopping import StopSignals
from smolhog.supervisor import StopRequested
from smolhog.terminal import OUT, NoticePrinter, open_page
from smolhog.urls import dashboard_url, gateway_url, query_url
from smolhog_client import Client, Unauthorized

REFRESH_SECONDS = 0.5
LINE_SECONDS = 2.0
# Gateways learn of new keys within seconds.
KEY_PATIENCE_SECONDS = 10.0
# Until what was acknowledged shows in the query API; usually within a second.
SETTLE_SECONDS = 15.0
# What is left after the traffic has ended is nothing, unless the gateway is away.
CLOSE_SECONDS = 2.0
SEED = 20


async def run_demo(
    settings: Settings, *, rate: float, seconds: float | None, verbose: bool, open_browser: bool = False
) -> None:
    """Run the demo until Ctrl-C or for so many seconds.

    Args:
        settings: as read; the stack is started when none runs on the data folder.
        rate: events a second.
        seconds: ``None`` means until Ctrl-C.
        verbose: show all output of the processes.
        open_browser: show the dashboard as soon as it is there.

    Raises:
        SmolHogError: the stack cannot be started, or the one that runs does not answer.
    """
    try:
        if is_held(settings.data):
            OUT.print("SmolHog runs already; the demo uses it.")
            with StopSignals() as signals:
                running = settings.model_copy(update={"data": make_folder(settings.data)})
                keys = await asyncio.to_thread(demo_keys, running)
                await _introduce(running, keys, open_browser=open_browser)
                await _show(running, keys, signals, rate=rate, seconds=seconds)
        else:
            await _run_with_stack(
                settings, rate=rate, seconds=seconds, verbose=verbose, open_browser=open_browser
            )
    except StopRequested:
        OUT.print("Stopped while starting.")


async def _run_with_stack(
    settings: Settings, *, rate: float, seconds: float | None, verbose: bool, open_browser: bool
) -> None:
    made: list[ProjectKeys] = []

    def prepare(resolved: Settings) -> None:
        made.append(demo_keys(resolved))

    printer = NoticePrinter(OUT, verbose=verbose)
    OUT.print(f"SmolHog starts on {settings.data.absolute()}")
    async with running_stack(settings, printer, prepare, verbose=verbose) as (supervisor, resolved):
        await _introduce(resolved, made[0], open_browser=open_browser)
        await _show(resolved, made[0], supervisor.signals, rate=rate, seconds=seconds)
        OUT.print("Stopping. `smolhog up` starts it again, without traffic and with what is stored.")


async def _introduce(settings: Settings, keys: ProjectKeys, *, open_browser: bool) -> None:
    """Say where the demo is to be seen. Its key is no secret: it opens simulated events only."""
    page = dashboard_url(settings, keys.read_key, last="30m")
    OUT.print(f"Dashboard: {page}")
    if open_browser:
        await asyncio.to_thread(open_page, page)


async def _show(
    settings: Settings, keys: ProjectKeys, signals: StopSignals, *, rate: float, seconds: float | None
) -> None:
    state = DemoState(gateway_url(settings), query_url(settings), keys.read_key)
    feed = DemoFeed(settings, keys.read_key, state)
    stop = signals.requested
    await _wait_for_key(settings, keys.write_key, stop)
    await feed.refresh()
    started = time.monotonic()
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, stop.set)

    def on_stats(stats: TrafficStats) -> None:
        state.acked, state.rejected = stats.acknowledged, stats.rejected

    async with Client(_websocket(settings), write_key=keys.write_key, close_timeout=CLOSE_SECONDS) as client:
        traffic = asyncio.create_task(
            stream_traffic(client, events_per_second=rate, seed=SEED, stop=stop, on_stats=on_stats)
        )
        await _follow(state, feed, traffic, signals, started)
        if signals.at_once.is_set():
            # The gateway may be gone, and with it whoever would acknowledge what is on its way.
            traffic.cancel()
            await asyncio.wait({traffic})
            return
        await traffic
    took = time.monotonic() - started
    deadline = time.monotonic() + SETTLE_SECONDS
    while state.stored < state.acked and not state.trouble and time.monotonic() < deadline:
        await asyncio.sleep(REFRESH_SECONDS / 2)
        await feed.refresh()
    OUT.print(summary(state, took))


async def _follow(
    state: DemoState,
    feed: DemoFeed,
    traffic: "asyncio.Task[TrafficStats]",
    signals: StopSignals,
    started: float,
) -> None:
    """Show how it goes until the traffic ends: a panel on a terminal, else a line now and then."""
    is_terminal = sys.stdout.isatty()
    with Live(panel(state), console=OUT, auto_refresh=False) if is_terminal else nullcontext() as live:
        while not traffic.done() and not signals.at_once.is_set():
            await feed.refresh()
            state.sample(time.monotonic())
            if live is not None:
                live.update(panel(state), refresh=True)
            else:
                OUT.print(line(state, time.monotonic() - started))
            await asyncio.wait({traffic}, timeout=REFRESH_SECONDS if is_terminal else LINE_SECONDS)


async def _wait_for_key(settings: Settings, write_key: str, stop: asyncio.Event) -> None:
    """Wait until the gateway takes the key: one that was made just now is not known everywhere yet."""
    try:
        async with asyncio.timeout(KEY_PATIENCE_SECONDS):
            while not stop.is_set() and not await _takes_key(settings, write_key):  # noqa: ASYNC110 - the gateway does not tell
                await asyncio.sleep(0.25)  # another process learns of the key, there is no event to await
    except TimeoutError as error:
        raise ServiceUnreachable(
            f"the gateway at {gateway_url(settings)} does not take the demo's key",
            "`smolhog doctor` says whether it runs; its log is in the data folder under logs/.",
        ) from error


async def _takes_key(settings: Settings, write_key: str) -> bool:
    try:
        async with Client(_websocket(settings), write_key=write_key) as client:
            await client.ready()
    except Unauthorized:
        return False
    return True


def _websocket(settings: Settings) -> str:
    return gateway_url(settings).replace("http", "ws", 1)
