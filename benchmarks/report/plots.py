"""Pictures of a run, as SVG."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Group, Result, Run

_BLUE, _ORANGE, _GREEN, _GREY, _RED, _VIOLET = (
    "#2f6fde",
    "#e08a1e",
    "#2f9e63",
    "#9aa3ad",
    "#c8453b",
    "#8059c4",
)
_PROCESS_COLOURS = {
    "gateway": _BLUE,
    "dataflow": _ORANGE,
    "postgres": _GREEN,
    "clickhouse": _VIOLET,
    "query-api": _RED,
    "rabbitmq": _GREY,
}
_RATIO_GROUPS = {
    Group.END_TO_END: _BLUE,
    Group.CEILING: _GREY,
    Group.BASELINE: _RED,
}
_WINDOW_SECONDS = 1.0
_PERCENTILES = (("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("p999", "p99.9"))


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, and where in the report it belongs."""

    place: str
    path: str
    caption: str


def draw(run: Run, folder: Path, prefix: str, shown_as: str = "") -> list[Picture]:
    """Draw what the run has figures for.

    Args:
        run: what was measured.
        folder: where the files go.
        prefix: of their names.
        shown_as: path of the folder as the report names it, with its slash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures: list[Picture] = []
    for place, caption, results, paint in (
        (
            "ratio",
            "Events a second, side by side",
            [
                result
                for result in run.of(*_RATIO_GROUPS)
                if not result.name.startswith(("decode", "append", "insert"))
            ],
            _paint_ratios,
        ),
        ("end to end", "Events over time", run.of(Group.END_TO_END), _paint_timelines),
        ("throughput", "Events a second, over time", run.of(Group.END_TO_END), _paint_throughput),
        ("cpu", "CPU time an event, by process", run.of(Group.END_TO_END), _paint_cpu),
        (
            "latency",
            "Latency at set rates",
            [result for result in run.of(Group.LATENCY) if "visible" in result.latencies],
            _paint_latencies,
        ),
    ):
        if not results:
            continue
        name = f"{prefix}{place.replace(' ', '-')}.svg"
        _save(folder / name, results, paint)
        pictures.append(Picture(place, f"{shown_as}{name}", caption))
    return pictures


def _save(file: Path, results: list[Result], paint: Callable[[Axes, list[Result]], None]) -> None:
    # Text stays text, and the same run gives the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "smolhog", "font.size": 10}):
        figure = Figure(figsize=(8, 1.2 + 0.35 * max(6, len(results))), layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        paint(axes, results)
        figure.savefig(file, format="svg", metadata={"Date": None})
    # Matplotlib leaves blanks at the ends of lines.
    file.write_text("\n".join(line.rstrip() for line in file.read_text().splitlines()) + "\n")


def _paint_ratios(axes: Axes, results: list[Result]) -> None:
    ordered = sorted(results, key=lambda result: result.per_second)
    bars = axes.barh(
        [result.title for result in ordered],
        [result.per_second for result in ordered],
        color=[_RATIO_GROUPS[result.group] for result in ordered],
    )
    axes.bar_label(bars, [f"{result.per_second:,.0f}" for result in ordered], padding=4)
    axes.margins(x=0.15)
    axes.set_xlabel("events a second")


def _paint_timelines(axes: Axes, results: list[Result]) -> None:
    _paint_over_time(axes, results, lambda samples: [(0.0, 0.0), *samples])
    axes.set_ylabel("events")


def _paint_throughput(axes: Axes, results: list[Result]) -> None:
    _paint_over_time(axes, results, _rates)
    axes.set_ylabel("events a second")


def _rates(samples: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """Turn counts into events a second, each over at least the window before it, but for the last."""
    rates: list[tuple[float, float]] = []
    since_at, since_done = 0.0, 0
    for at, done in samples:
        is_last = (at, done) == samples[-1] and at > since_at
        if is_last or at - since_at >= _WINDOW_SECONDS:
            rates.append((at, (done - since_done) / (at - since_at)))
            since_at, since_done = at, done
    return rates


def _paint_over_time(
    axes: Axes,
    results: list[Result],
    points_of: Callable[[list[tuple[float, int]]], list[tuple[float, float]]],
) -> None:
    styles = {"acknowledged": "--", "visible": "-"}
    for result, colour in zip(results, (_BLUE, _ORANGE, _GREEN, _VIOLET), strict=False):
        for name, samples in result.timelines.items():
            points = points_of(samples)
            axes.plot(
                [at for at, _ in points],
                [value for _, value in points],
                styles.get(name, ":"),
                color=colour,
                label=f"{result.title}, {name}",
            )
    axes.set_xlabel("seconds")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


def _paint_cpu(axes: Axes, results: list[Result]) -> None:
    lefts = [0.0] * len(results)
    titles = [result.title for result in results]
    for process, colour in _PROCESS_COLOURS.items():
        widths = [result.cpu_microseconds.get(process, 0.0) for result in results]
        axes.barh(titles, widths, left=lefts, color=colour, label=process, height=0.5)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    axes.set_xlabel("µs an event")
    axes.legend(frameon=False, ncols=len(_PROCESS_COLOURS), loc="upper center", bbox_to_anchor=(0.5, 1.15))


def _paint_latencies(axes: Axes, results: list[Result]) -> None:
    places = range(len(_PERCENTILES))
    colours = (_BLUE, _ORANGE, _GREEN, _VIOLET, _RED, _GREY)
    for result, colour in zip(results, colours * 2, strict=False):
        for name, style in (("ack", "--"), ("visible", "-")):
            latency = result.latencies[name]
            axes.plot(
                places,
                [getattr(latency, field) for field, _ in _PERCENTILES],
                style,
                marker="o",
                color=colour,
                label=f"{result.title}: {name}",
            )
    axes.set_yscale("log")
    axes.set_ylabel("ms")
    axes.set_xticks(list(places), [label for _, label in _PERCENTILES])
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
