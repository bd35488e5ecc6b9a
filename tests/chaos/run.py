"""One run: traffic and faults together, then peace, then the ledger against the stores."""

import asyncio
import json
import random
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from schemas.envelope import partition_of
from tests.chaos.balance import Balance, balance
from tests.chaos.clients import Way, make_client
from tests.chaos.faults import Fault, inflict, plan_faults
from tests.chaos.ledger import Ledger, SentEvent
from tests.chaos.stack import PARTITIONS, Pipeline, Services, running_pipeline
from tests.chaos.stored import Stored
from tests.chaos.traffic import PlannedBatch, PlannedClient, new_event_id, plan_traffic

_TRAFFIC_SECONDS = 4.0
_EVENTS = (1_000, 6_000)
_BACKLOG_EVENTS = 100_000
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class RunResult:
    """What one run showed."""

    seed: int
    log: str
    faults: list[str]
    sent: int
    """Ids, poison included."""
    acked: int
    rejected: int
    unknown: int
    stored: int
    lost: int
    doubled: int
    unexpected: int
    recovered: int
    recovery_seconds: float
    """From the end of the last fault until both stores held everything."""
    seconds: float
    problems: str = ""
    failed: bool = False
    """Whether the run could not even be finished; counted as one unexpected thing."""

    @property
    def is_even(self) -> bool:
        """Whether the ledger balanced."""
        return not (self.lost or self.doubled or self.unexpected)

    def __str__(self) -> str:
        verdict = "FAILED" if self.failed else "even" if self.is_even else "UNEVEN"
        return (
            f"seed {self.seed} {self.log}: {verdict}; sent {self.sent}, acked {self.acked}, rejected {self.rejected}, "
            f"unknown {self.unknown}, stored {self.stored}; lost {self.lost}, doubled {self.doubled}, "
            f"unexpected {self.unexpected}, recovered {self.recovered}; recovery {self.recovery_seconds:.1f} s of "
            f"{self.seconds:.0f} s; {', '.join(self.faults)}"
        )


def failed_run(seed: int, log: str, why: str, outage: float = 0.0) -> RunResult:
    """Return the result of a run that raised: what it might have shown is unknown."""
    faults, _ = plan_faults(random.Random(f"{seed} {log}"), log, _TRAFFIC_SECONDS + outage, outage)
    names = [fault.name for fault in faults]
    return RunResult(seed, log, names, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, 0.0, problems=why, failed=True)


async def run_once(services: Services, seed: int, log: str, folder: Path, outage: float = 0.0) -> RunResult:
    """Run one seed. Its folder stays if the ledger does not balance, and is removed if it does.

    Args:
        services: the stores, and RabbitMQ where it is the log.
        seed: fixes traffic and faults.
        log: `sqlite` or `rabbitmq`.
        folder: of this run; made.
        outage: seconds for which RabbitMQ is away, while events go on to come.
    """
    began = time.monotonic()
    await asyncio.to_thread(folder.mkdir, parents=True)
    chance = random.Random(f"{seed} {log}")
    seconds = _TRAFFIC_SECONDS + outage
    faults, has_backlog = plan_faults(chance, log, seconds, outage)
    events = _BACKLOG_EVENTS if has_backlog else chance.randint(*_EVENTS)
    processes, grace = chance.randint(1, PARTITIONS), chance.choice((0, 1, 120))
    ledger = Ledger()
    async with running_pipeline(services, folder, log, processes=processes, grace_seconds=grace) as pipeline:
        start = time.monotonic()

        def clock() -> float:
            return time.monotonic() - start

        way = Way(pipeline.proxies["gateway"].port, pipeline.key, ledger, clock)
        await warm_up(pipeline, way, chance)
        plans = plan_traffic(chance, datetime.now(UTC), seconds, events)
        start = time.monotonic()
        peace_at = await _trouble(pipeline, way, plans, faults, chance, has_backlog=has_backlog)
        await mark_partitions(pipeline, way, chance)
        stored, result = await settle(pipeline, ledger)
        recovery = clock() - peace_at
        if not result.is_even:
            _keep(folder, faults, ledger, stored, result)
    if result.is_even:
        shutil.rmtree(folder)
    names = [fault.name for fault in faults] + (["backlog dataflow"] if has_backlog else [])
    return RunResult(
        seed,
        log,
        names,
        sent=len(ledger.attempts),
        acked=len(ledger.acked),
        rejected=len(ledger.rejected),
        unknown=ledger.unknown,
        stored=len(stored.events),
        lost=len(result.lost),
        doubled=len(result.doubled),
        unexpected=len(result.unexpected),
        recovered=result.recovered,
        recovery_seconds=round(recovery, 2),
        seconds=round(time.monotonic() - began, 1),
        problems=str(result),
    )


async def _trouble(
    pipeline: Pipeline,
    way: Way,
    plans: list[PlannedClient],
    faults: list[Fault],
    chance: random.Random,
    *,
    has_backlog: bool,
) -> float:
    """Send and break; returns when all is sent, and tells when the last fault was over."""
    if has_backlog:
        for program in pipeline.dataflows:
            program.hold()
            program.kill()
        faults = [fault for fault in faults if fault.target != "dataflow"]
    clients = [make_client(way, plan, random.Random(chance.random())) for plan in plans]
    sending = asyncio.gather(*(client.run() for client in clients))
    peace_at = 0.0

    async def break_things() -> None:
        nonlocal peace_at
        await inflict(pipeline, faults, way.clock)
        peace_at = way.clock()

    async with asyncio.timeout(_PATIENCE_SECONDS + max(fault.lasts for fault in faults)):
        await asyncio.gather(sending, break_things())
    if has_backlog:
        peace_at = way.clock()
        for program in pipeline.dataflows:
            program.release()
    await pipeline.ready()
    return peace_at


async def warm_up(pipeline: Pipeline, way: Way, chance: random.Random) -> None:
    """Let the dataflows store something first: a fault that strikes while they start shows little."""
    marks = await mark_partitions(pipeline, way, chance)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not await asyncio.to_thread(pipeline.stores.holds, marks):
        assert time.monotonic() < deadline, "".join(program.tail() for program in pipeline.dataflows)
        await asyncio.sleep(0.05)


async def mark_partitions(pipeline: Pipeline, way: Way, chance: random.Random) -> list[str]:
    """Send an event to each partition: a partition that has stored it has stored all before it."""
    users = (f"marker-{number}" for number in count())
    missing = set(range(pipeline.partitions))
    marks = []
    while missing:
        user = next(users)
        partition = partition_of(1, user, pipeline.partitions)
        if partition not in missing:
            continue
        missing.remove(partition)
        event = SentEvent(new_event_id(chance), "marker", user, None, None, {"platform": "none"})
        plan = PlannedClient("http", timedelta(), [PlannedBatch(way.clock(), [event])])
        while event.event_id not in way.ledger.acked:
            await make_client(way, plan, chance).run()
        marks.append(event.event_id)
    return marks


async def settle(pipeline: Pipeline, ledger: Ledger) -> tuple[Stored, Balance]:
    """Wait until the stores agree with the ledger and with themselves, or until nothing moves any more."""
    wanted = ledger.acked & ledger.events.keys()
    stores = pipeline.stores
    counts: tuple[int, ...] = ()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        before, began = counts, time.monotonic()
        counts = await asyncio.to_thread(stores.counts)
        if counts != before:
            # A backlog on a busy machine takes as long as it takes.
            deadline = time.monotonic() + _PATIENCE_SECONDS
        is_over = time.monotonic() > deadline
        agree = len(set(counts)) == 1 and counts[0] >= len(wanted)
        if is_over or (agree and await asyncio.to_thread(stores.holds, wanted)):
            stored = await asyncio.to_thread(stores.read)
            result = balance(ledger, stored)
            if result.is_even or is_over:
                return stored, result
        # Counting takes its share of the machine, too.
        await asyncio.sleep(max(0.1, 2 * (time.monotonic() - began)))


def _keep(folder: Path, faults: list[Fault], ledger: Ledger, stored: Stored, result: Balance) -> None:
    """Write down what is needed to look for the cause; logs and the event log are there already."""
    (folder / "faults.json").write_text(json.dumps([asdict(fault) for fault in faults], indent=1))
    lines = [
        {
            "event_id": event_id,
            "attempts": attempts,
            "acked": event_id in ledger.acked,
            "rejected": ledger.rejected.get(event_id),
            "event": asdict(ledger.events[event_id]) if event_id in ledger.events else None,
        }
        for event_id, attempts in ledger.attempts.items()
    ]
    (folder / "ledger.jsonl").write_text("".join(f"{json.dumps(line, default=str)}\n" for line in lines))
    (folder / "postgres.txt").write_text("".join(f"{event}\n" for event in stored.events))
    (folder / "clickhouse.txt").write_text("".join(f"{row}\n" for row in stored.columnar))
    problems = [*result.lost, *result.doubled, *result.unexpected]
    (folder / "problems.txt").write_text("".join(f"{line}\n" for line in problems))
