"""A run as Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.report.aims import aims_of
from benchmarks.report.plots import Picture
from benchmarks.results import Group, Result, Run

_SECTIONS: tuple[tuple[str, str, tuple[Group, ...]], ...] = (
    (
        "Side by side",
        (
            "Ceilings are a few lines of code that write the same bytes to the same services; the baseline is "
            "a pipeline as a first version has it. All were measured in this run."
        ),
        (Group.END_TO_END, Group.CEILING, Group.BASELINE),
    ),
    (
        "The same count in other engines",
        (
            "Events by name and minute. SmolHog's steps do everything they always do: check, drop repeats, put "
            "context, break down by every property, make the rows of both stores."
        ),
        (Group.ENGINE,),
    ),
    ("Each part alone", "", (Group.STAGE,)),
    (
        "Flows that people write",
        "Each step by itself, in events a second of CPU time of one core; outputs in rows a second.",
        (Group.FLOW,),
    ),
    ("Other traffic", "End to end over the embedded event log.", (Group.SHAPE,)),
)

_FIGURES: tuple[tuple[Group, str, str], ...] = (
    (
        Group.STORAGE,
        "What is kept",
        "Over the embedded event log, after the stores have merged what they hold; `smolhog plan` reckons with it.",
    ),
    (
        Group.TELEMETRY,
        "What telemetry costs",
        (
            "CPU time of the gateway's and the dataflow's own work, without sockets, log and stores, which cost the same "
            "with and without: silent, with metrics, and with traces at their default ratio, in turns within one process."
        ),
    ),
)


def render(run: Run, pictures: Sequence[Picture], *, heading: int = 1) -> str:
    """Write a report.

    Args:
        run: what was measured.
        pictures: shown where they belong; their paths are written as they are.
        heading: level of the uppermost heading.
    """
    mark = "#" * heading
    parts = [
        f"{mark} Measured on {run.began[:10]}",
        _machine(run),
        _verdict(run),
        f"{mark}# Aims",
        _aims(run),
        *_pictures(pictures, "ratio"),
    ]
    for title, text, groups in _SECTIONS:
        if results := run.of(*groups):
            parts += [f"{mark}# {title}", text, _throughput(results)]
            if Group.END_TO_END in groups:
                parts += _pictures(pictures, "end to end", "throughput")
    if results := run.of(Group.END_TO_END):
        parts += [f"{mark}# What an event costs", _costs(results), *_pictures(pictures, "cpu")]
    if results := run.of(Group.GROWTH):
        parts += [
            f"{mark}# Where the dataflow's time goes, and how it grows",
            (
                "Processor time of the steps alone, in µs an event. Rollup rows are written every one to three seconds for "
                "each cell that changed, so they are fewer the more events a second there are."
            ),
            _growth(results),
        ]
    if results := [result for result in run.of(Group.LATENCY, Group.STAGE) if result.latencies]:
        parts += [
            f"{mark}# Latency",
            (
                "Of acks, from when a batch was due, and from sending an event to finding it in an answer of the "
                "query API. In the closed loop the load generator's queue is part of it."
            ),
            _latencies(results),
            *_pictures(pictures, "latency"),
        ]
    if results := run.of(Group.QUERY):
        parts += [f"{mark}# Questions", _latencies(results), _costs(results)]
    parts += _figures(run, mark)
    if run.skipped:
        parts += [
            f"{mark}# Not measured",
            "\n".join(f"- {skipped.name}: {skipped.reason}" for skipped in run.skipped),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figures(run: Run, mark: str) -> list[str]:
    parts = []
    for group, title, text in _FIGURES:
        if results := run.of(group):
            notes = dict.fromkeys(result.note for result in results)
            parts += [f"{mark}# {title}", text, _costs(results), *notes]
    return parts


def _machine(run: Run) -> str:
    machine = run.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{machine.cores} cores of {machine.cpu}, {machine.memory_gib:g} GiB, {machine.system}, "
        f"Python {machine.python}; SmolHog at {machine.commit}; {versions}. Everything ran on this one machine, "
        f"load generators included; its load average was {machine.load_before:g} before."
    )


def _verdict(run: Run) -> str:
    checks = [check for result in run.results for check in result.checks]
    failed = [check for check in checks if not check.holds]
    if failed:
        return f"**{len(failed)} of {len(checks)} loss checks failed.** The figures beside them mean nothing."
    return f"All {len(checks)} loss checks hold: nothing was lost, nothing was doubled."


def _aims(run: Run) -> str:
    return _table(
        ("", "aim", "measured", ""),
        (
            (aim.what, aim.bar, aim.reached or "not measured", "" if aim.reached is None else _met(aim.met))
            for aim in aims_of(run)
        ),
        right=(2,),
    )


def _met(met: bool) -> str:  # noqa: FBT001 - one word for the other
    return "met" if met else "**missed**"


def _growth(results: list[Result]) -> str:
    steps = list(results[0].cpu_microseconds)
    return _table(
        ("", "all", *steps, "rollup rows an event", "loss check"),
        (
            (
                result.title,
                f"{sum(result.cpu_microseconds.values()):.1f}",
                *(f"{result.cpu_microseconds.get(step, 0):.1f}" for step in steps),
                f"{result.figures['rollup rows an event']:.2f}",
                _loss(result),
            )
            for result in results
        ),
        right=tuple(range(1, len(steps) + 3)),
    )


def _throughput(results: list[Result]) -> str:
    # What is the same in all lines is said once.
    shared = dict(results[0].settings) if len(results) > 1 else {}
    for result in results:
        shared = {name: value for name, value in shared.items() if result.settings.get(name) == value}
    table = _table(
        ("", "events", "events/s", "settings", "loss check"),
        (
            (
                result.title,
                f"{result.events:,}",
                f"{result.per_second:,.0f}",
                _settings({name: value for name, value in result.settings.items() if name not in shared}),
                _loss(result),
            )
            for result in results
        ),
        right=(1, 2),
    )
    return f"{table}\n\nAll with {_settings(shared)}." if shared else table


def _settings(settings: dict[str, str | int | float]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in settings.items())


def _loss(result: Result) -> str:
    if result.holds:
        return f"{len(result.checks)} of {len(result.checks)} hold"
    return "**FAILED**: " + ", ".join(
        f"{check.what}: {check.found:,} of {check.expected:,}" for check in result.checks if not check.holds
    )


def _costs(results: list[Result]) -> str:
    names = list(dict.fromkeys(name for result in results for name in result.figures))
    processes = list(dict.fromkeys(name for result in results for name in result.cpu_microseconds))
    rows = [(name, *(number_text(result.figures.get(name)) for result in results)) for name in names]
    rows += [
        (f"CPU µs an event, {name}", *(number_text(result.cpu_microseconds.get(name)) for result in results))
        for name in processes
    ]
    return _table(("", *(result.title for result in results)), rows, right=tuple(range(1, len(results) + 1)))


def _latencies(results: list[Result]) -> str:
    return _table(
        ("", "of", "measured", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "largest", "loss check"),
        (
            (
                result.title,
                name,
                f"{latency.count:,}",
                number_text(latency.p50),
                number_text(latency.p95),
                number_text(latency.p99),
                number_text(latency.p999),
                number_text(latency.largest),
                _loss(result),
            )
            for result in results
            for name, latency in result.latencies.items()
        ),
        right=(2, 3, 4, 5, 6, 7),
    )


def _pictures(pictures: Sequence[Picture], *places: str) -> list[str]:
    return [f"![{picture.caption}]({picture.path})" for picture in pictures if picture.place in places]


def number_text(value: float | None) -> str:
    """Return a figure as the tables have it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, right: tuple[int, ...] = ()) -> str:
    lines = [
        " | ".join(head),
        " | ".join("--:" if index in right else "---" for index in range(len(head))),
        *(" | ".join(row) for row in rows),
    ]
    return "\n".join(f"| {line} |" for line in lines)
