"""What SmolHog is meant to reach on two cores, beside what a run has reached."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Result, Run


@dataclass(frozen=True, slots=True)
class Aim:
    """One line of the table.

    Attributes:
        what: is meant to be reached.
        bar: as text.
        reached: the number, with its unit; ``None`` if the run has not measured it.
        met: whether the bar is met.
    """

    what: str
    bar: str
    reached: str | None
    met: bool


def aims_of(run: Run) -> list[Aim]:
    """Compare a run with the aims; ratios are between figures of this one run."""
    end_to_end = run.find("end-to-end-rabbitmq") or run.find("end-to-end-sqlite")
    gateway = run.find("gateway-rabbitmq-100") or run.find("gateway-sqlite-100")
    half = run.find("latency-rabbitmq-50") or run.find("latency-sqlite-50")
    fixed = run.find("latency-rabbitmq-fixed") or run.find("latency-sqlite-fixed")
    embedded = run.find("end-to-end-sqlite")
    copies = [found for name in ("copy-staged-1", "copy-staged-4") if (found := run.find(name))]
    ceiling = max(copies, key=lambda result: result.per_second, default=None)
    queries = _last(run, lambda result: result.name.startswith("queries-"))
    return [
        _at_least(
            "gateway, batches of 100, acknowledged once durable", 250_000, _rate(gateway), "{:,.0f} events/s"
        ),
        _at_least(
            "Python SDK, one process, acknowledged by the gateway",
            100_000,
            _rate(run.find("gateway-sqlite-sdk")),
            "{:,.0f} events/s",
        ),
        _at_least("end to end, as a share of bare COPY + INSERT", 0.5, _ratio(end_to_end, ceiling), "{:.2f}"),
        _at_least(
            "end to end, as a multiple of one INSERT an event",
            40,
            _ratio(end_to_end, run.find("row-at-a-time")),
            "{:.0f} times",
        ),
        _at_most(
            "CPU of all processes, an event",
            25,
            None if end_to_end is None else end_to_end.figures.get("CPU µs an event"),
            "{:.1f} µs",
        ),
        _at_most("ack at half of the peak, p99", 50, _p99(half, "ack"), "{:,.0f} ms"),
        _at_most("sent to visible at 10,000 events/s, p99", 1_000, _p99(fixed, "visible"), "{:,.0f} ms"),
        _at_most(
            f"the slowest question's p95, {'query API' if queries is None else queries.title}",
            50,
            None if queries is None else max(each.p95 for each in queries.latencies.values()),
            "{:,.0f} ms",
        ),
        _at_most(
            "what metrics and traces add, of the CPU time of all processes",
            3,
            _telemetry(run.find("telemetry-100"), run.find("shape-batch-100")),
            "{:.1f} %",
        ),
        _at_most("embedded stack, resident", 900, _figure(embedded, "resident MiB"), "{:,.0f} MiB"),
        _at_most("embedded stack, ready from nothing", 10, _figure(embedded, "start seconds"), "{:.1f} s"),
    ]


def _at_least(what: str, bar: float, reached: float | None, form: str) -> Aim:
    text = None if reached is None else form.format(reached)
    return Aim(what, f"at least {form.format(bar)}", text, reached is not None and reached >= bar)


def _at_most(what: str, bar: float, reached: float | None, form: str) -> Aim:
    text = None if reached is None else form.format(reached)
    return Aim(what, f"at most {form.format(bar)}", text, reached is not None and reached <= bar)


def _rate(result: Result | None) -> float | None:
    return None if result is None else result.per_second


def _ratio(part: Result | None, whole: Result | None) -> float | None:
    return None if part is None or whole is None else part.per_second / whole.per_second


def _p99(result: Result | None, name: str) -> float | None:
    return None if result is None or name not in result.latencies else result.latencies[name].p99


def _figure(result: Result | None, name: str) -> float | None:
    return None if result is None else result.figures.get(name)


def _telemetry(alone: Result | None, whole: Result | None) -> float | None:
    if alone is None or whole is None:
        return None
    added = alone.figures["CPU % that metrics and traces add"]
    return added * alone.figures["CPU µs an event without telemetry"] / whole.figures["CPU µs an event"]


def _last(run: Run, wanted: Callable[[Result], bool]) -> Result | None:
    return next((result for result in reversed(run.results) if wanted(result)), None)
