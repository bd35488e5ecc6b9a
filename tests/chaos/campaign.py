"""`make chaos`: many runs of the ledger test, in several processes, resumable, with a report.

    python -m tests.chaos --runs 200 --log both --seed-from 1 --report docs/reliability.md

Stopped and started again with the same folder, it goes on where it was.
"""

import argparse
import asyncio
import logging
import multiprocessing
import signal
import sys
import tempfile
import traceback
from collections import deque
from contextlib import suppress
from pathlib import Path

from tests.chaos.report import Results, last_of_each, write_report
from tests.chaos.run import failed_run, run_once
from tests.chaos.stack import running_services
from tests.fixtures_postgres import postgres_folder

Run = tuple[int, str]


async def _work(runs: list[Run], folder: Path, outage: float) -> None:
    task = asyncio.current_task()
    assert task is not None
    # Told to end, it still ends what it started.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results = Results(folder / "results.jsonl")
    broker = any(log == "rabbitmq" for _, log in runs)
    left = deque(runs)
    while left:
        with postgres_folder() as services_folder:
            async with running_services(services_folder, broker=broker) as services:
                while left:
                    seed, log = left.popleft()
                    run_folder = _fresh(folder / f"{log}-{seed}")
                    try:
                        result = await run_once(services, seed, log, run_folder, outage)
                    except Exception:  # noqa: BLE001 - reported as a run that went wrong
                        result = failed_run(seed, log, traceback.format_exc(), outage)
                    results.add(result)
                    _say(str(result))
                    if result.failed:
                        break  # Nobody knows in which state it left the services.


def _fresh(folder: Path) -> Path:
    """Return a folder that does not exist, moving away what an earlier attempt left there."""
    number = 1
    kept = folder
    while kept.exists():
        number += 1
        kept = folder.with_name(f"{folder.name}.{number}")
    return kept


def _say(line: str) -> None:
    # In one write: the workers share the terminal.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _worker(runs: list[Run], folder: Path, outage: float) -> None:
    # The SDK says each time that its connection was lost, which is the point here.
    logging.getLogger("smolhog_client").setLevel(logging.CRITICAL)
    with suppress(asyncio.CancelledError):
        asyncio.run(_work(runs, folder, outage))


def main() -> int:
    """Run; the exit status is 1 if a ledger did not balance or a run could not be finished."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description="The ledger test, many times.")
    parser.add_argument("--runs", type=int, default=200, help="runs altogether")
    parser.add_argument("--log", choices=["sqlite", "rabbitmq", "both"], default="both", help="event log")
    parser.add_argument("--seed-from", type=int, default=1, help="first seed")
    parser.add_argument(
        "--outage", type=float, default=0.0, help="seconds for which RabbitMQ is away in each run"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes that run side by side")
    parser.add_argument("--folder", type=Path, help="of results and of runs that failed; new by default")
    parser.add_argument("--report", type=Path, help="page to write")
    options = parser.parse_args()
    if options.outage and options.log != "rabbitmq":
        parser.error("--outage is of RabbitMQ: give --log rabbitmq, too")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="smolhog-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    logs = ["sqlite", "rabbitmq"] if options.log == "both" else [options.log]
    wanted = [
        (options.seed_from + number // len(logs), logs[number % len(logs)]) for number in range(options.runs)
    ]
    results = Results(folder / "results.jsonl")
    # One that went wrong is tried again: whoever starts this again has most likely repaired something.
    done = {(result.seed, result.log) for result in last_of_each(results.attempts()) if result.is_even}
    left = [run for run in wanted if run not in done]
    _say(f"{len(left)} of {len(wanted)} runs to do; results and failed runs in {folder}")
    context = multiprocessing.get_context("spawn")
    # Whole seeds go to a worker, so that each has runs over both logs.
    shares = [[run for run in left if run[0] % options.jobs == job] for job in range(options.jobs)]
    workers = [
        context.Process(target=_worker, args=(share, folder, options.outage)) for share in shares if share
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    attempts = [result for result in results.attempts() if (result.seed, result.log) in set(wanted)]
    if options.report is not None and attempts:
        write_report(attempts, options.report, options.outage)
    finished = last_of_each(attempts)
    uneven = [result for result in finished if not result.is_even]
    for result in uneven:
        _say(f"{result}\n{result.problems}")
    _say(f"{len(finished)} of {len(wanted)} runs finished, {len(uneven)} did not balance")
    return 0 if len(finished) == len(wanted) and not uneven else 1
