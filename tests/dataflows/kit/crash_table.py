"""Runs the crash suite at length and writes its table: ``python -m tests.dataflows.kit.crash_table > docs/kit-crash-suite.md``."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.dataflows.kit.crash_cases import CASES
from tests.dataflows.kit.crash_suite import CrashRun, run_case
from tests.dataflows.kit.flow_stack import flow_stack
from tests.fixtures_clickhouse import ClickHouseServer, running_clickhouse
from tests.fixtures_postgres import postgres_folder, running_postgres

_HEAD = """# The crash suite of the kit

Written by `python -m tests.dataflows.kit.crash_table`. Each row is a flow over that step and that sink, in a process
of its own, over a real event log, the embedded PostgreSQL and the embedded ClickHouse engine. The process is killed
(SIGKILL) again and again at random moments while events stream in, a tenth of them late and a twentieth sent again;
then it comes to its end. *Lost* and *doubled* is what its effect lacks or has too much against a count by hand of
what was sent. Sinks write every 20 rows here, many times an epoch, so nearly every kill falls between a write and the
snapshot that would know of it.

| step | sink | kills | events | lost | doubled |
|---|---|--:|--:|--:|--:|
"""


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--events", type=int, default=20_000)
    options = parser.parse_args()
    runs: list[CrashRun] = []
    print(_HEAD, end="")  # noqa: T201 - what this program is for
    with (
        postgres_folder() as folder,
        running_postgres(folder) as (_, postgres),
        tempfile.TemporaryDirectory(prefix="smolhog-clickhouse-") as engine,
        running_clickhouse(Path(engine)) as service,
    ):
        server = ClickHouseServer("127.0.0.1", service.port)
        for number, case in enumerate(CASES):
            with (
                postgres.database() as dsn,
                server.database() as database,
                tempfile.TemporaryDirectory(prefix="smolhog-crash-") as data,
                flow_stack(dsn, f"{server.url}/{database}", Path(data) / "data") as stack,
            ):
                run = run_case(case, stack, kills=options.kills, events=options.events, seed=100 + number)
            runs.append(run)
            cells = (f"`{case.step}`", case.sink, run.kills, f"{run.events:,}", run.lost, run.doubled)
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)  # noqa: T201
    kills = sum(run.kills for run in runs)
    print(f"\n{kills} kills in all.")  # noqa: T201
    sys.exit(any(run.lost or run.doubled for run in runs))


if __name__ == "__main__":
    main()
