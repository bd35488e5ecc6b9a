"""`smolhog flow backfill`: runs a flow until it has caught up with the log, and says how far it is."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from dataflows.kit.flow import Flow
from dataflows.kit.progress import FlowProgress, read_progress
from dataflows.kit.run import flow_folder
from smolhog.errors import SmolHogError
from smolhog.file_lock import is_held
from smolhog.flow_catch_up import CatchUp, CatchUpGauge
from smolhog.flow_files import FlowFile
from smolhog.settings import Settings
from smolhog.settings_loading import as_environment
from smolhog.stores import postgres_connection, postgres_dsn, unreachable

LOOK_SECONDS = 0.5
_STOP_SECONDS = 10.0
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did."""

    flow: str
    events: int
    """That had their effect meanwhile."""
    seconds: float
    was_running: bool
    """Whether another process runs the flow, which this one only watched."""


def backfill(
    settings: Settings, flow_file: FlowFile, flow: Flow, on_progress: Callable[[CatchUp], None]
) -> Backfilled:
    """Run a flow in a process of its own until it has caught up; if it runs already, watch it do so.

    Args:
        settings: with an absolute data folder.
        flow_file: which flow.
        flow: what the file declares.
        on_progress: told of the progress twice a second.

    Raises:
        ServiceUnreachable, SetupRefused: PostgreSQL does not answer, or has no tables.
        SmolHogError: the flow ended.
    """
    dsn = postgres_dsn(settings)
    with postgres_connection(settings) as connection:
        row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    began, began_clock = row[0], time.monotonic()
    before = after = sum(part.done_events for part in _parts(dsn, flow))
    is_running = is_held(flow_folder(flow, settings.data) / "lock")
    gauge = CatchUpGauge(settings.partitions)
    caught_up = CatchUp()
    with _process(settings, flow_file) if not is_running else _nothing() as check:
        while not caught_up.is_done:
            time.sleep(LOOK_SECONDS)
            # What an earlier process left is no progress of this one.
            parts = [part for part in _parts(dsn, flow) if part.updated_at >= began]
            after = sum(part.done_events for part in parts)
            caught_up = gauge.look(parts)
            on_progress(caught_up)
            if not caught_up.is_done:
                check()
    return Backfilled(flow.name, max(0, after - before), time.monotonic() - began_clock, is_running)


def _parts(dsn: str, flow: Flow) -> list[FlowProgress]:
    try:
        progress = read_progress(dsn)
    except psycopg.OperationalError as error:
        raise unreachable("PostgreSQL", error) from error
    return [part for part in progress if (part.flow, part.version) == (flow.name, flow.version)]


@contextmanager
def _process(settings: Settings, flow_file: FlowFile) -> Iterator[Callable[[], None]]:
    """Run the flow during the block, which gets a function that raises once it has failed."""
    logs = settings.data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"flow-{flow_file.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "smolhog", "flow", "run", str(flow_file.file)],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **as_environment(settings)},
            # Ctrl-C is for whoever watches; the flow is stopped at the end of the block.
            start_new_session=True,
        )

    def check() -> None:
        if process.poll() not in {None, 0}:
            raise SmolHogError(
                "\n".join((f"flow {flow_file.name} ended; it said:", *_tail(log))), f"Its log: {log}"
            )

    try:
        yield check
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _nothing() -> Iterator[Callable[[], None]]:
    """Stand for the process where another one runs the flow."""
    yield lambda: None


def _tail(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
