"""What flows cost, in the documentation: the figures of one run between two marks."""

from pathlib import Path

from benchmarks.report.docs import END, split_at_marks
from benchmarks.results import Group, Result, Run

PAGE = Path("docs/dataflows-cost.md")
_PER_EVENT = ("µs of CPU time an event", "events a second, one core")
_BEGIN = "<!-- measured: begin (written by `python -m benchmarks flows --docs`) -->"


def write_flow_costs(run: Run, page: Path = PAGE) -> None:
    """Put the figures of a run between the page's marks.

    Raises:
        MarksMissingError: the page has not both marks; nothing was written.
    """
    before, after = split_at_marks(page, _BEGIN)
    page.write_text(f"{before}{_BEGIN}\n\n{_figures(run)}\n{END}{after}")


def _figures(run: Run) -> str:
    machine = run.machine
    results = run.of(Group.FLOW)
    steps = [each for each in results if each.cpu_microseconds and not _is_window(each)]
    outputs = [each for each in results if not each.cpu_microseconds]
    kit, fold = run.find("flow-window-kit"), run.find("flow-window-fold")
    assert kit is not None
    assert fold is not None
    checks = [check for result in results for check in result.checks]
    held = sum(check.holds for check in checks)
    measured = (
        f"Measured on {run.began[:10]} on {machine.cores} cores of {machine.cpu}, Python {machine.python}, over "
        f"{steps[0].events:,} events of about 330 bytes; SmolHog at {machine.commit}. The load average was "
        f"{machine.load_before:.1f} before. {held} of {len(checks)} loss checks hold."
    )
    compared = (
        f"The same count, the same results, in one run: the kit is **{kit.per_second / fold.per_second:.0f} times** as "
        "fast as plain Bytewax."
    )
    parts = [
        measured,
        _table("step", [_step(each) for each in steps], *_PER_EVENT),
        compared,
        _table("events by name and minute", [_step(each) for each in (kit, fold)], *_PER_EVENT),
        _table("output", [(each.title, f"{each.per_second:,.0f}") for each in outputs], "rows a second"),
    ]
    return "\n\n".join(parts) + "\n"


def _is_window(result: Result) -> bool:
    return result.name in {"flow-window-kit", "flow-window-fold"}


def _step(result: Result) -> tuple[str, ...]:
    return result.title, f"{result.cpu_microseconds['flow']:.2f}", f"{result.per_second:,.0f}"


def _table(first: str, rows: list[tuple[str, ...]], *figures: str) -> str:
    lines = [f"| {first} | {' | '.join(figures)} |", "| --- |" + " --: |" * len(figures)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
