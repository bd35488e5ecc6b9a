"""The faults of a run: planned by the seed, done to a pipeline at their moments."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.services import Program
from tests.chaos.stack import Pipeline


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: a key of `KINDS`.
        target: what it is done to.
        at: seconds since the run's start.
        lasts: seconds until it is over.
        size: bytes, where the kind has to do with any.
    """

    kind: str
    target: str
    at: float
    lasts: float
    size: int

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.kind} {self.target}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        what: for reports.
        targets: what it is done to; RabbitMQ is left out where the log is SQLite.
        longest: seconds that it lasts at most.
        inflict: does it, waits, and undoes it.
        shortest: seconds that it lasts at least.
    """

    what: str
    targets: tuple[str, ...]
    longest: float
    inflict: Callable[[Pipeline, Fault], Awaitable[None]]
    shortest: float = 0.0


OUTAGE = "outage"
_SERVICES = ("gateway", "dataflow", "rabbitmq", "postgres", "clickhouse")
_LINKS = ("gateway", "rabbitmq", "postgres", "clickhouse")


def plan_faults(
    chance: random.Random, log: str, seconds: float, outage: float = 0.0
) -> tuple[list[Fault], bool]:
    """Plan what goes wrong in a run, and whether it is to drain a backlog, too.

    Args:
        chance: seeded.
        log: `sqlite` or `rabbitmq`.
        seconds: of the traffic; faults begin within them.
        outage: seconds for which RabbitMQ is away, besides; other faults strike meanwhile.
    """
    choices = [
        (name, target)
        for name, kind in KINDS.items()
        for target in kind.targets
        if name != OUTAGE and (target != "rabbitmq" or log == "rabbitmq")
    ]
    faults = []
    for _ in range(chance.randint(3, 6)):
        name, target = chance.choice(choices)
        kind = KINDS[name]
        size = chance.choice((0, 0, 100, 5_000, 40_000))
        lasts = chance.uniform(kind.shortest, kind.longest)
        faults.append(Fault(name, target, chance.uniform(0.2, seconds), lasts, size))
    if outage:
        faults.append(Fault(OUTAGE, "rabbitmq", chance.uniform(0.2, 2.0), outage, 0))
    return sorted(faults, key=lambda fault: fault.at), chance.random() < 0.08


async def inflict(pipeline: Pipeline, faults: list[Fault], clock: Callable[[], float]) -> None:
    """Inflict all faults, each at its moment; returns when all are over."""
    busy: dict[str, asyncio.Lock] = {}

    async def one(fault: Fault) -> None:
        await asyncio.sleep(max(0.0, fault.at - clock()))
        # Faults overlap, but not two on the same target: one's end would end the other.
        async with busy.setdefault(fault.target, asyncio.Lock()):
            await KINDS[fault.kind].inflict(pipeline, fault)

    await asyncio.gather(*(one(fault) for fault in faults))


async def _kill(pipeline: Pipeline, fault: Fault) -> None:
    for program in pipeline.programs[fault.target]:
        program.hold()
        program.kill()
    await asyncio.sleep(fault.lasts)
    _release(pipeline.programs[fault.target])


async def _freeze(pipeline: Pipeline, fault: Fault) -> None:
    programs = pipeline.programs[fault.target]
    for program in programs:
        program.freeze()
    await asyncio.sleep(fault.lasts)
    for program in programs:
        program.thaw()


async def _cut(pipeline: Pipeline, fault: Fault) -> None:
    proxy = pipeline.proxies[fault.target]
    proxy.cut()
    await asyncio.sleep(fault.lasts)
    proxy.restore()


async def _stall(pipeline: Pipeline, fault: Fault) -> None:
    proxy = pipeline.proxies[fault.target]
    proxy.stall()
    await asyncio.sleep(fault.lasts)
    # What was held back must not arrive on some machines and be lost on others: half the time each.
    if fault.size == 0:
        proxy.drop()
    proxy.resume()


async def _cut_request(pipeline: Pipeline, fault: Fault) -> None:
    await _cut_after(pipeline, fault, answers_only=False)


async def _cut_answer(pipeline: Pipeline, fault: Fault) -> None:
    await _cut_after(pipeline, fault, answers_only=True)


async def _cut_after(pipeline: Pipeline, fault: Fault, *, answers_only: bool) -> None:
    proxy = pipeline.proxies[fault.target]
    proxy.cut_after_bytes(fault.size, answers_only=answers_only)
    await asyncio.sleep(fault.lasts)
    proxy.restore()


async def _fill_disk(pipeline: Pipeline, fault: Fault) -> None:
    programs = pipeline.programs[fault.target]
    for program in programs:
        program.limit_files(fault.size)
    await asyncio.sleep(fault.lasts)
    for program in programs:
        program.limit_files(None)


async def _run_twice(pipeline: Pipeline, fault: Fault) -> None:
    """A second dataflow beside the first, on the same data folder or as on another machine."""
    stray = pipeline.stray_dataflow(elsewhere=fault.size > 0)
    await stray.start()
    await asyncio.sleep(fault.lasts)
    await stray.close()


async def _usurp(pipeline: Pipeline, fault: Fault) -> None:
    """The first is cut off from PostgreSQL, and somebody moves the partitions without their folder."""
    stray = pipeline.stray_dataflow(elsewhere=True)
    await stray.start()
    pipeline.proxies["postgres"].drop()
    await asyncio.sleep(fault.lasts)
    for program in pipeline.dataflows:
        program.freeze()
    pipeline.proxies["postgres"].drop()
    await asyncio.sleep(fault.lasts)
    for program in pipeline.dataflows:
        program.thaw()
    await asyncio.sleep(0.5)
    await stray.close()


def _release(programs: list[Program]) -> None:
    for program in programs:
        program.release()


KINDS = {
    "kill": Kind("SIGKILL, and started again", _SERVICES, 1.0, _kill),
    "freeze": Kind("SIGSTOP, SIGCONT", _SERVICES, 2.5, _freeze, 0.2),
    "cut": Kind("connections reset, new ones refused", _LINKS, 1.5, _cut),
    "stall": Kind("no byte passes; then all of them, or a reset", _LINKS, 2.5, _stall, 0.2),
    "cut request": Kind("reset within what is sent", _LINKS, 0.8, _cut_request, 0.3),
    "cut answer": Kind("reset between the commit and its answer", _LINKS, 0.8, _cut_answer, 0.3),
    "fill disk": Kind("files cannot grow", ("dataflow", "gateway"), 2.5, _fill_disk, 0.3),
    "away": Kind("killed, and gone for long", ("rabbitmq", "postgres", "clickhouse"), 5.0, _kill, 3.0),
    OUTAGE: Kind("killed, and gone for minutes", ("rabbitmq",), 180.0, _kill, 60.0),
    "run twice": Kind("a second dataflow beside the first", ("dataflow",), 3.0, _run_twice, 2.0),
    "usurp": Kind("partitions taken over without their folder", ("dataflow",), 1.5, _usurp, 0.5),
}
