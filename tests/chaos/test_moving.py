"""Partitions move between processes and machines while events stream in, and the ledger balances."""

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from smolhog.ports import free_ports
from tests.chaos.clients import Way, make_client
from tests.chaos.ledger import Ledger
from tests.chaos.run import mark_partitions, settle, warm_up
from tests.chaos.services import Program
from tests.chaos.stack import Pipeline, running_pipeline, running_services, smolhog
from tests.chaos.traffic import plan_traffic
from tests.fixtures_postgres import postgres_folder
from tests.fixtures_rabbitmq import _require_rabbitmq

PARTITIONS = 4
_ROUND_SECONDS = 2.0
_ROUND_EVENTS = 1_500


class Machine:
    """A machine that runs one dataflow process: it has a disk of its own, which holds partitions' folders."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self.data = pipeline.folder / name
        self.data.mkdir()
        self._pipeline = pipeline
        self._starts = 0

    async def start(self, index: int, total: int) -> Program:
        """Start process `index` of `total` here."""
        self._starts += 1
        # Port 0 is any; a process adds its index to it.
        port = free_ports(index + 1) if index else 0
        program = Program(
            f"{self.data.name}: {index} of {total}",
            smolhog("dataflow", "--index", str(index), "--total", str(total)),
            self._pipeline.environment | {"SMOLHOG_DATA": str(self.data), "SMOLHOG_METRICS_PORT": str(port)},
            self._pipeline.folder / f"{self.data.name}-{self._starts}.log",
        )
        await program.start()
        return program

    def partition_folders(self) -> list[Path]:
        """The folders that lie here."""
        return sorted((self.data / "dataflow").glob("*-*"))

    def hand_over(self, partition: int, to: "Machine") -> None:
        """Move a partition's folder to another machine."""
        (folder,) = (self.data / "dataflow").glob(f"*-{partition}")
        (to.data / "dataflow").mkdir(exist_ok=True)
        shutil.move(folder, to.data / "dataflow" / folder.name)


@asynccontextmanager
async def running(pipeline: Pipeline, machines: Sequence[Machine]) -> AsyncIterator[None]:
    """One process on each machine, until the block ends: then they are killed, as dataflows always end."""
    pipeline.dataflows[:] = [
        await machine.start(index, len(machines)) for index, machine in enumerate(machines)
    ]
    try:
        yield
    finally:
        for program in pipeline.dataflows:
            await program.close()


class Stream:
    """Clients that send round after round, until they are told that it is enough."""

    def __init__(self, pipeline: Pipeline, chance: random.Random) -> None:
        self.ledger = Ledger()
        self.chance = chance
        self._pipeline = pipeline
        self._enough = asyncio.Event()

    def way(self) -> Way:
        """Where clients of a round that begins now send to."""
        start = time.monotonic()
        port = self._pipeline.proxies["gateway"].port
        return Way(port, self._pipeline.key, self.ledger, lambda: time.monotonic() - start)

    async def run(self) -> None:
        """Send."""
        while not self._enough.is_set():
            plans = plan_traffic(self.chance, datetime.now(UTC), _ROUND_SECONDS, _ROUND_EVENTS)
            way = self.way()
            await asyncio.gather(
                *(make_client(way, plan, random.Random(self.chance.random())).run() for plan in plans)
            )

    def end(self) -> None:
        """Let the round that runs be the last."""
        self._enough.set()

    async def seen(self) -> None:
        """Wait until every partition has stored something that is sent now."""
        await warm_up(self._pipeline, self.way(), self.chance)


async def test_partitions_move_under_traffic_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """Two processes become four and two again, each partition with its folder; then two without any folder.

    What runs on new machines without the folders reads the log from its beginning, and comes to the same rows.
    """
    _require_rabbitmq()
    with postgres_folder() as folder:
        async with (
            running_services(folder, broker=True) as services,
            running_pipeline(
                services, tmp_path, "rabbitmq", processes=0, grace_seconds=1, partitions=PARTITIONS
            ) as pipeline,
        ):
            first, second, third, fourth, fifth, sixth = (
                Machine(pipeline, name) for name in ("first", "second", "third", "fourth", "fifth", "sixth")
            )
            stream = Stream(pipeline, random.Random("moving"))
            async with asyncio.TaskGroup() as tasks:
                async with running(pipeline, [first, second]):
                    await stream.seen()
                    tasks.create_task(stream.run())
                    await stream.seen()
                assert [len(machine.partition_folders()) for machine in (first, second)] == [2, 2]
                first.hand_over(2, to=third)
                second.hand_over(3, to=fourth)
                async with running(pipeline, [first, second, third, fourth]):
                    await stream.seen()
                third.hand_over(2, to=first)
                fourth.hand_over(3, to=second)
                async with running(pipeline, [first, second]):
                    await stream.seen()
                async with running(pipeline, [fifth, sixth]):
                    await stream.seen()
                    stream.end()
            async with running(pipeline, [fifth, sixth]):
                await mark_partitions(pipeline, stream.way(), stream.chance)
                _, result = await settle(pipeline, stream.ledger)
            assert result.is_even, str(result)
            assert len(stream.ledger.acked) > _ROUND_EVENTS
