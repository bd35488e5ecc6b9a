"""Results as tables for a terminal."""

from rich.table import Table

from benchmarks.results import Result


def comparison_table(results: list[Result]) -> Table:
    """Return a table with a column for each result, for results that have the same figures."""
    table = Table(title_justify="left")
    table.add_column("")
    for result in results:
        table.add_column(result.title, justify="right")
    if not results:
        return table
    table.add_row("events sent", *(f"{result.events:,}" for result in results))
    for name in results[0].settings:
        table.add_row(name, *(str(result.settings.get(name, "")) for result in results))
    table.add_section()
    for name in results[0].figures:
        table.add_row(name, *(_figure(result.figures.get(name)) for result in results))
    for name in results[0].cpu_microseconds:
        table.add_row(
            f"  CPU µs an event: {name}",
            *(_figure(result.cpu_microseconds.get(name)) for result in results),
        )
    for name in results[0].latencies:
        for percentile in ("p50", "p99", "p999"):
            table.add_row(
                f"{name} ms, {percentile}",
                *(_figure(getattr(result.latencies.get(name), percentile, None)) for result in results),
            )
    table.add_section()
    for index, check in enumerate(results[0].checks):
        table.add_row(check.what, *(f"{result.checks[index].found:,}" for result in results))
    table.add_row(
        "loss check", *("none lost, none doubled" if result.holds else "FAILED" for result in results)
    )
    return table


def result_table(results: list[Result]) -> Table:
    """Return a table with a line for each result."""
    table = Table()
    for name in ("", "events", "a second", "loss check"):
        table.add_column(name, justify="left" if name in ("", "loss check") else "right")
    for result in results:
        table.add_row(
            result.title,
            f"{result.events:,}",
            _figure(result.per_second),
            "holds" if result.holds else "FAILED",
        )
    return table


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"
