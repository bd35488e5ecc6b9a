"""How much is measured: for a look, for a thorough report, and for the tests of the benchmarks themselves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Events of each stage, and how often it is repeated.

    Attributes:
        rounds: of stages that are compared with each other; the best counts.
        stores: rows for each way of writing to a store.
        log: events appended to each event log.
        rows: events of the row-at-a-time baseline.
        steps: events for decoding and processing without services.
        growth: events of each kind of traffic that goes through the steps alone.
        engines: events for each stream engine.
        flows: events for each step of a flow.
        gateway: (batch, events) of each load of the gateway alone.
        sdk: events that the Python SDK sends.
        drain: events that wait in the log.
        end_to_end: events of the runs from end to end.
        shape: events of the runs with other traffic; a tenth in batches of one.
        peak: events by which the peak is found.
        rate_seconds: how long each rate is held.
        fixed_rate: events a second at which latencies are measured besides shares of the peak.
        queries: events that questions are asked about, one number for each round.
        asks: of each question.
        telemetry: events for each way of measuring oneself, in batches of 100; fewer in smaller ones.
        storage: events that are weighed on disk.
        both_logs: whether latencies are measured over both event logs, or over RabbitMQ alone.
    """

    rounds: int
    stores: int
    log: int
    rows: int
    steps: int
    growth: int
    engines: int
    flows: int
    gateway: tuple[tuple[int, int], ...]
    sdk: int
    drain: int
    end_to_end: int
    shape: int
    peak: int
    rate_seconds: float
    fixed_rate: float
    queries: tuple[int, ...]
    asks: int
    telemetry: int
    storage: int
    both_logs: bool


QUICK = Sizes(
    rounds=2,
    stores=100_000,
    log=200_000,
    rows=2_000,
    steps=100_000,
    growth=50_000,
    engines=200_000,
    flows=100_000,
    gateway=((1, 20_000), (10, 100_000), (100, 300_000), (500, 300_000)),
    sdk=300_000,
    drain=200_000,
    end_to_end=300_000,
    shape=60_000,
    peak=150_000,
    rate_seconds=10.0,
    fixed_rate=10_000,
    queries=(1_000_000, 10_000_000),
    asks=40,
    telemetry=300_000,
    storage=300_000,
    both_logs=False,
)

FULL = Sizes(
    rounds=3,
    stores=400_000,
    log=1_000_000,
    rows=10_000,
    steps=400_000,
    growth=200_000,
    engines=1_000_000,
    flows=400_000,
    gateway=((1, 100_000), (10, 500_000), (100, 2_000_000), (500, 2_000_000)),
    sdk=2_000_000,
    drain=2_000_000,
    end_to_end=2_000_000,
    shape=300_000,
    peak=1_000_000,
    rate_seconds=60.0,
    fixed_rate=10_000,
    queries=(1_000_000, 10_000_000, 100_000_000),
    asks=200,
    telemetry=1_000_000,
    storage=2_000_000,
    both_logs=True,
)

TINY = Sizes(
    rounds=1,
    stores=1_000,
    log=1_000,
    rows=50,
    steps=1_000,
    growth=1_000,
    engines=1_000,
    flows=1_000,
    gateway=((1, 50), (100, 1_000)),
    sdk=1_000,
    drain=2_000,
    end_to_end=1_000,
    shape=500,
    peak=1_000,
    rate_seconds=2.0,
    fixed_rate=500,
    queries=(5_000,),
    asks=2,
    telemetry=2_000,
    storage=1_000,
    both_logs=False,
)
