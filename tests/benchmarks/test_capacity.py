"""What `smolhog plan` reckons with is what docs/performance.md shows."""

from pathlib import Path

import pytest

from benchmarks.machine import this_machine
from benchmarks.report.capacity import RunIncompleteError, capacity_of, write_capacity
from benchmarks.report.text import number_text
from benchmarks.results import Run
from smolhog.capacity import read_capacity

ROOT = Path(__file__).parents[2]
REPORT = (ROOT / "docs" / "performance.md").read_text()
NAMES = {"sqlite": "SQLite", "rabbitmq": "RabbitMQ"}


def cells(begin: str) -> list[str]:
    """The cells of the one line of the report's tables that begins so."""
    (line,) = (line for line in REPORT.splitlines() if line.startswith(f"| {begin} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_constants_are_those_of_the_published_run() -> None:
    """Written together, from one run; a page or a file that is changed alone is found here."""
    capacity = read_capacity()
    assert f"## Measured on {capacity.measured_on[:10]}" in REPORT
    assert f"SmolHog at {capacity.commit}" in REPORT
    assert f"{capacity.cores} cores of {capacity.cpu}, {capacity.memory_gib:g} GiB" in REPORT
    for column, (log, costs) in enumerate(capacity.logs.items()):
        assert f"{costs.stored_per_second:,.0f}" in cells(f"End to end over {NAMES[log]}")
        for batch, rate in costs.gateway_per_second.items():
            name = f"Gateway to {NAMES[log]}, batches of {batch}"
            found = [line for line in REPORT.splitlines() if line.startswith(f"| {name} |")]
            assert f"{rate:,.0f}" in found[0]
        for process, spent in costs.cpu_microseconds.items():
            assert cells(f"CPU µs an event, {process}")[column] == number_text(spent)
    assert cells("bytes an event, as sent") == [number_text(capacity.event_bytes)]
    for size in capacity.disk_bytes.values():
        assert f" | {number_text(size)} |" in REPORT
    assert cells("resident MiB, gateway") == [number_text(capacity.resident_mib["gateway"])]
    added = [number_text(costs.all_percent) for costs in capacity.telemetry]
    assert cells("CPU % that metrics and traces add") == added


def test_telemetry_is_cheap_in_the_published_run() -> None:
    """Metrics and traces take less than 3 % of what all processes spend, whatever the size of batches."""
    assert all(costs.stack_percent < 3 for costs in read_capacity().telemetry)


def test_a_run_that_lacks_a_figure_changes_nothing(tmp_path: Path) -> None:
    """It is named, and the file stays as it was."""
    file = tmp_path / "capacity.json"
    run = Run("run", "2026-01-02T03:04:05+00:00", this_machine(), ())
    with pytest.raises(RunIncompleteError, match="storage"):
        write_capacity(run, file)
    assert not file.exists()
    with pytest.raises(RunIncompleteError):
        capacity_of(run)
