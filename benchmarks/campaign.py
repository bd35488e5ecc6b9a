"""The stages in the order in which they run, each with services of its own."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from benchmarks.baselines.row_at_a_time import measure_row_at_a_time
from benchmarks.end_to_end import run_end_to_end, run_shapes
from benchmarks.load import Load
from benchmarks.machine import this_machine
from benchmarks.open_loop import run_latencies
from benchmarks.report.capacity import MANY_USERS
from benchmarks.results import Result, Run, Skipped
from benchmarks.rounds import Best
from benchmarks.services import has_rabbitmq, running_broker, running_servers
from benchmarks.sizes import Sizes
from benchmarks.stages.clickhouse import measure_clickhouse
from benchmarks.stages.drain import measure_drain
from benchmarks.stages.engines import measure_engines
from benchmarks.stages.event_log import measure_event_log
from benchmarks.stages.flow_outputs import measure_outputs
from benchmarks.stages.flows import measure_flows
from benchmarks.stages.gateway import measure_gateway
from benchmarks.stages.growth import measure_growth
from benchmarks.stages.postgres import measure_postgres
from benchmarks.stages.queries import measure_queries
from benchmarks.stages.steps import measure_steps, measure_wire_decode
from benchmarks.stages.storage import measure_storage
from benchmarks.stages.telemetry import measure_telemetry
from benchmarks.stages.windows import measure_windows
from benchmarks.traffic import Shape
from smolhog.supervisor import StopRequested

_NO_BROKER = "rabbitmq-server is not installed"


@dataclass(frozen=True, slots=True)
class Options:
    """What a person chooses.

    Attributes:
        sizes: how much to measure.
        pathway_python: an interpreter that has Pathway, if there is one.
    """

    sizes: Sizes
    pathway_python: Path | None = None


@dataclass(slots=True)
class Outcome:
    """What a stage has measured, and what it could not."""

    results: list[Result] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Add a measurement."""
        self.results.append(result)


def _postgres(options: Options, outcome: Outcome) -> None:
    """Bare COPY against the PostgreSQL sink, same rows, same table."""
    with running_servers() as servers:
        outcome.results += measure_postgres(servers, options.sizes.stores, options.sizes.rounds)


def _clickhouse(options: Options, outcome: Outcome) -> None:
    """Bare inserts against the ClickHouse sink, same rows."""
    with running_servers() as servers:
        outcome.results += measure_clickhouse(servers, options.sizes.stores, options.sizes.rounds)


def _event_log(options: Options, outcome: Outcome) -> None:
    """Bare publishing against the event log, same messages."""
    if not has_rabbitmq():
        outcome.skipped.append(Skipped("append-rabbitmq", _NO_BROKER))
        outcome.results += uvloop.run(measure_event_log(options.sizes.log, None))
        return
    with running_broker() as broker:
        outcome.results += asyncio.run(measure_event_log(options.sizes.log, broker.url))


def _row_at_a_time(options: Options, outcome: Outcome) -> None:
    """One message and one INSERT an event, prefetch 1."""
    if not has_rabbitmq():
        outcome.skipped.append(Skipped("row-at-a-time", _NO_BROKER))
        return
    with running_servers() as servers, servers.fresh_databases() as urls, running_broker() as broker:
        outcome.add(asyncio.run(measure_row_at_a_time(urls, broker.url, options.sizes.rows)))


def _steps(options: Options, outcome: Outcome) -> None:
    """Decoding a frame, and the dataflow's steps, without services."""
    outcome.results += measure_wire_decode(options.sizes.steps, 100, options.sizes.rounds)
    outcome.add(measure_steps(options.sizes.steps, options.sizes.rounds))


def _growth(options: Options, outcome: Outcome) -> None:
    """What an event costs the dataflow, by users, properties, partitions and events."""
    outcome.results += measure_growth(options.sizes.growth, options.sizes.rounds)


def _engines(options: Options, outcome: Outcome) -> None:
    """The same windowed count by SmolHog, plain Bytewax and Pathway."""
    results, skipped = measure_engines(options.sizes.engines, options.pathway_python)
    outcome.results += results
    outcome.skipped += skipped


def _flows(options: Options, outcome: Outcome) -> None:
    """Each step and output of flows that people write."""
    outcome.results += measure_windows(options.sizes.flows, options.sizes.rounds)
    with running_servers() as servers, servers.fresh_databases() as urls:
        outcome.results += measure_flows(urls, options.sizes.flows, options.sizes.rounds)
        outcome.results += measure_outputs(urls, options.sizes.flows, options.sizes.rounds)


def _gateway(options: Options, outcome: Outcome) -> None:
    """WebSocket to durable in the log."""
    with running_servers() as servers:
        for batch, events in options.sizes.gateway:
            with servers.fresh_databases() as urls:
                outcome.add(uvloop.run(measure_gateway(urls, Load(events, batch=batch), None)))
        by_sdk = Load(options.sizes.sdk, batch=500, connections=2, in_flight=8, client="sdk")
        with servers.fresh_databases() as urls:
            outcome.add(uvloop.run(measure_gateway(urls, by_sdk, None)))
        if not has_rabbitmq():
            outcome.skipped.append(Skipped("gateway-rabbitmq", _NO_BROKER))
            return
        with running_broker() as broker:
            for batch, events in options.sizes.gateway:
                with servers.fresh_databases() as urls:
                    outcome.add(asyncio.run(measure_gateway(urls, Load(events, batch=batch), broker.url)))


def _drain(options: Options, outcome: Outcome) -> None:
    """A filled log, worked off."""
    with running_servers() as servers:
        for amqp_url in _logs(outcome, "drain"):
            with servers.fresh_databases() as urls:
                outcome.add(asyncio.run(measure_drain(urls, options.sizes.drain, amqp_url)))


def _end_to_end(options: Options, outcome: Outcome) -> None:
    """WebSocket to both stores, as fast as it goes."""
    best = Best()
    for _ in range(options.sizes.rounds):
        for amqp_url in _logs(outcome, "end-to-end"):
            best.add(asyncio.run(run_end_to_end(Load(options.sizes.end_to_end), amqp_url=amqp_url)))
    outcome.results += best.results


def _shapes(options: Options, outcome: Outcome) -> None:
    """End to end with other batches, users, repeats, lateness."""
    events = options.sizes.shape
    loads = [
        ("shape-batch-1", "Batches of 1", Load(max(100, events // 10), batch=1)),
        ("shape-batch-10", "Batches of 10", Load(events, batch=10)),
        ("shape-batch-100", "Batches of 100, the usual traffic", Load(events)),
        ("shape-batch-500", "Batches of 500", Load(events, batch=500)),
        (
            "shape-many-users",
            "A million users, 100,000 pages",
            Load(events, shape=Shape(MANY_USERS, 100_000)),
        ),
        ("shape-few-users", "Ten users, five pages", Load(events, shape=Shape(users=10, products=5))),
        ("shape-repeated-1", "1 % repeated", Load(events, shape=Shape(repeated=0.01))),
        ("shape-repeated-50", "50 % repeated", Load(events, shape=Shape(repeated=0.5))),
        ("shape-late", "10 % late by up to three days", Load(events, shape=Shape(late=0.1))),
        ("shape-hot", "Half of all events one user's", Load(events, shape=Shape(hot=0.5))),
    ]
    outcome.results += asyncio.run(run_shapes(loads, amqp_url=None))


def _latency(options: Options, outcome: Outcome) -> None:
    """Acks and visibility at shares of the peak."""
    sizes = options.sizes
    for amqp_url in _logs(outcome, "latency"):
        if amqp_url is None and not sizes.both_logs and has_rabbitmq():
            continue
        outcome.results += asyncio.run(
            run_latencies(
                sizes.peak, seconds=sizes.rate_seconds, amqp_url=amqp_url, fixed_rate=sizes.fixed_rate
            )
        )


def _storage(options: Options, outcome: Outcome) -> None:
    """What events take on disk, and processes in memory."""
    outcome.add(asyncio.run(measure_storage(options.sizes.storage)))


def _telemetry(options: Options, outcome: Outcome) -> None:
    """What metrics and traces cost."""
    for batch, share in ((100, 1), (10, 2), (1, 4)):
        outcome.add(measure_telemetry(options.sizes.telemetry // share, batch))


def _queries(options: Options, outcome: Outcome) -> None:
    """Dashboard questions over millions of events."""
    with running_servers() as servers:
        for events in options.sizes.queries:
            with servers.fresh_databases() as urls:
                outcome.add(measure_queries(urls, events, options.sizes.asks))


def _logs(outcome: Outcome, stage: str) -> Iterator[str | None]:
    """The embedded log, and a broker that nobody used before."""
    yield None
    if not has_rabbitmq():
        left_out = Skipped(f"{stage}-rabbitmq", _NO_BROKER)
        if left_out not in outcome.skipped:
            outcome.skipped.append(left_out)
        return
    with running_broker() as broker:
        yield broker.url


Stage = Callable[[Options, Outcome], None]

STAGES: dict[str, Stage] = {
    "postgres": _postgres,
    "clickhouse": _clickhouse,
    "event-log": _event_log,
    "row-at-a-time": _row_at_a_time,
    "steps": _steps,
    "growth": _growth,
    "engines": _engines,
    "flows": _flows,
    "gateway": _gateway,
    "drain": _drain,
    "end-to-end": _end_to_end,
    "shapes": _shapes,
    "latency": _latency,
    "storage": _storage,
    "telemetry": _telemetry,
    "queries": _queries,
}


def run_stages(
    kind: str, names: list[str], options: Options, progress: Callable[[str, Outcome | None, float], None]
) -> Iterator[Run]:
    """Run stages one after the other, and yield the run so far after each; one that fails does not cost the others.

    Args:
        kind: of the run.
        names: keys of :data:`STAGES`.
        options: as chosen.
        progress: called with a stage's name when it begins (and nothing), and when it has ended, with
            what it brought and how many seconds it took.
    """
    machine = this_machine()
    began = datetime.now(UTC).isoformat(timespec="seconds")
    results: list[Result] = []
    skipped: list[Skipped] = []
    for name in names:
        outcome = Outcome()
        progress(name, None, 0.0)
        started = time.perf_counter()
        try:
            STAGES[name](options, outcome)
        except Exception as error:
            if _was_interrupted(error):
                raise KeyboardInterrupt from error
            outcome.skipped.append(Skipped(name, f"failed: {error!r}"))
        progress(name, outcome, time.perf_counter() - started)
        results += outcome.results
        skipped += outcome.skipped
        yield Run(kind, began, machine, tuple(results), tuple(skipped))


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether it all began with Ctrl-C: services hear it too, and cleaning up fails where they are gone."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt | StopRequested):
            return True
        error = error.__cause__ or error.__context__
    return False
