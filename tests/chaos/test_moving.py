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
_SECONDS = 12.0
_EVENTS = 8_000


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


async def test_partitions_move_under_traffic_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """Two processes become four and two again, each partition with its folder; then two without any folder.

    What runs on new machines without the folders reads the log from its beginning, and comes to the same rows.
    """
    _require_rabbitmq()
    chance = random.Random("moving")
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
            start = time.monotonic()
            ledger = Ledger()
            way = Way(
                pipeline.proxies["gateway"].port, pipeline.key, ledger, lambda: time.monotonic() - start
            )
            async with running(pipeline, [first, second]):
                await warm_up(pipeline, way, chance)
                plans = plan_traffic(chance, datetime.now(UTC), _SECONDS, _EVENTS)
                start = time.monotonic()
                sending = asyncio.gather(
                    *(make_client(way, plan, random.Random(chance.random())).run() for plan in plans)
                )
                await warm_up(pipeline, way, chance)
            assert [len(machine.partition_folders()) for machine in (first, second)] == [2, 2]
            first.hand_over(2, to=third)
            second.hand_over(3, to=fourth)
            async with running(pipeline, [first, second, third, fourth]):
                await warm_up(pipeline, way, chance)
            third.hand_over(2, to=first)
            fourth.hand_over(3, to=second)
            async with running(pipeline, [first, second]):
                await warm_up(pipeline, way, chance)
            assert not sending.done(), "the traffic was over before the moves were"
            async with running(pipeline, [fifth, sixth]):
                await sending
                await mark_partitions(pipeline, way, chance)
                _, result = await settle(pipeline, ledger)
            assert result.is_even, str(result)
            assert len(ledger.acked) > 0.9 * _EVENTS
