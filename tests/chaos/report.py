"""Results of many runs: kept line by line while they come, and written up as a page."""

import json
import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tests.chaos.faults import KINDS
from tests.chaos.run import RunResult

_HEAD = """# Reliability: a ledger against faults

Written by `make chaos` on {date}, on {cores} cores and {memory} GB of memory, {system}, Python {python}.
The load average was {load} over the last quarter of an hour: what is above the number of cores
stretches the times below.

Each run starts the real gateway and dataflow over the real PostgreSQL, the ClickHouse engine and an
event log of its own (SQLite or RabbitMQ streams), sends events from four clients (two WebSocket, one
HTTP, one Python SDK) while several faults strike at random moments, then waits until everything has
drained.{also} The clients' ledger says of each event id whether it was acknowledged, rejected, or never
answered. Traffic includes repeats within and across clients, retries with another `sent_at`, events
that are up to 400 days old, clocks that are wrong by up to 700 days, and events that must be rejected
beside good ones.

Compared are: table `events` and `rejected_events` in PostgreSQL; the columnar copy row by row; every
cell of the rollups by minute and by hour, by event and by one property; distinct users; sessions.

* **lost**: acknowledged but not there, or counted too low;
* **doubled**: there twice, or counted too high;
* **unexpected**: never sent, another field or time than sent, or an answer that should not be;
* **recovered**: stored although the client never got an answer, which is right.

A seed fixes faults and traffic, so a run is repeated with
`python -m tests.chaos --seed-from SEED --runs 1 --log LOG{outage}`.

## All runs

| event log | runs | even | events sent | acknowledged | rejected | unanswered | lost | doubled | unexpected | recovered | recovery median | max |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""
_BY_FAULT = """
Recovery is the time in seconds from the end of the last fault until both stores hold everything, the
start of killed processes included.

## By fault

A run has several faults, so it stands in several rows.

| fault | what | runs | lost | doubled | unexpected | recovered | recovery median | max |
|---|---|---|---|---|---|---|---|---|
"""
_UNEVEN = """
## Attempts that were not even

Runs that do not balance are run again when the campaign is taken up again, most likely after a repair.
The tables above hold the last attempt at each run; this one holds every attempt that went wrong.

| seed | event log | lost | doubled | unexpected | since then | faults |
|---|---|---|---|---|---|---|
"""


class Results:
    """A file with a line for each run; several processes may add to it at once.

    Args:
        file: made if it is not there.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, result: RunResult) -> None:
        """Append one result in one write."""
        line = json.dumps(asdict(result)).encode() + b"\n"
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def attempts(self) -> list[RunResult]:
        """Read everything that is there, in order; a run that went wrong may stand there several times."""
        if not self._file.exists():
            return []
        return [RunResult(**json.loads(line)) for line in self._file.read_text().splitlines()]


def last_of_each(attempts: Iterable[RunResult]) -> list[RunResult]:
    """Return the last attempt at each run."""
    return list({(result.log, result.seed): result for result in attempts}.values())


def write_report(attempts: list[RunResult], file: Path, outage: float = 0.0) -> None:
    """Write the page: the tables are of the last attempt at each run, and no earlier one that failed is left out.

    Args:
        attempts: at least one.
        file: of the page.
        outage: seconds for which RabbitMQ was away in each run.
    """
    results = last_of_each(attempts)
    lines = [
        _HEAD.format(
            date=datetime.now(UTC).date(),
            cores=os.cpu_count(),
            memory=round(psutil.virtual_memory().total / 1024**3),
            system=platform.system(),
            python=platform.python_version(),
            load=round(psutil.getloadavg()[2]),
            also=f" In each run RabbitMQ is away for {outage:g} seconds, while events go on to come."
            if outage
            else "",
            outage=f" --outage {outage:g}" if outage else "",
        )
    ]
    for log in sorted({result.log for result in results}):
        of_log = [result for result in results if result.log == log]
        even = sum(result.is_even for result in of_log)
        sent, acked, rejected, unknown = _sums(of_log, "sent", "acked", "rejected", "unknown")
        lines.append(
            f"| {log} | {len(of_log)} | {even} | {sent} | {acked} | {rejected} | {unknown} | {_outcome(of_log)} |\n"
        )
    lines.append(_BY_FAULT)
    for name in sorted({name for result in results for name in result.faults}):
        with_fault = [result for result in results if name in result.faults]
        lines.append(f"| {name} | {_what(name)} | {len(with_fault)} | {_outcome(with_fault)} |\n")
    uneven = [result for result in attempts if not result.is_even]
    if uneven:
        lines.append(_UNEVEN)
    for result in uneven:
        again = _since(result, results)
        lines.append(
            f"| {result.seed} | {result.log} | {result.lost} | {result.doubled} | {result.unexpected} | {again} "
            f"| {', '.join(result.faults)} |\n"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(lines))


def _since(attempt: RunResult, results: list[RunResult]) -> str:
    last = next(result for result in results if (result.log, result.seed) == (attempt.log, attempt.seed))
    return "even when run again" if last.is_even else "still so"


def _what(name: str) -> str:
    if name.startswith("backlog"):
        return "down while 100,000 events arrive"
    kind = max((kind for kind in KINDS if name.startswith(kind)), key=len)
    return KINDS[kind].what


def _outcome(results: list[RunResult]) -> str:
    sums = _sums(results, "lost", "doubled", "unexpected", "recovered")
    times = [result.recovery_seconds for result in results]
    return " | ".join([*map(str, sums), f"{statistics.median(times):.1f}", f"{max(times):.1f}"])


def _sums(results: Iterable[RunResult], *names: str) -> list[int]:
    kept = list(results)
    return [sum(getattr(result, name) for result in kept) for name in names]
