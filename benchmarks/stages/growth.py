"""What an event costs the dataflow, step by step, as users, properties, partitions and events grow."""

import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.messages import PARTITIONS, Steps, items, log_messages, with_offsets
from benchmarks.results import Group, LossCheck, Result
from benchmarks.rounds import Best
from benchmarks.traffic import USUAL, Shape
from event_log.port import Message
from schemas.stored import StoredBatch

_COUNT = "count what events hold"
"""What the pipeline puts off until numbers are asked for."""


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    title: str
    shape: Shape = USUAL
    partitions: int = PARTITIONS
    times: int = 1
    """How many times as many events as the others have."""


_CASES = (
    _Case("usual", "The usual: 5,000 users, 6 properties, 4 partitions"),
    _Case("events", "Four times as many events", times=4),
    _Case("few-users", "50 users", Shape(users=50)),
    _Case("many-users", "A million users", Shape(users=1_000_000)),
    _Case("many-values", "A property of 100,000 values", Shape(products=100_000)),
    _Case("properties-12", "12 properties", Shape(more=6)),
    _Case("properties-30", "30 properties", Shape(more=24)),
    _Case("properties-60", "60 properties", Shape(more=54)),
    _Case("partitions-1", "1 partition", partitions=1),
    _Case("partitions-16", "16 partitions", partitions=16),
    _Case("late", "10 % late by up to three days", Shape(late=0.1)),
)


class _Clock:
    """Adds up processor time by step, background threads' included."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._since = time.process_time()

    def end(self, step: str) -> None:
        """Whatever was spent since the last step's end is this one's."""
        now = time.process_time()
        self.spent[step] += now - self._since
        self._since = now


def measure_growth(events: int, rounds: int) -> list[Result]:
    """Take messages through all steps, for each kind of traffic.

    Args:
        events: of most kinds.
        rounds: of which the best counts.
    """
    best = Best()
    for case in _CASES:
        count = events * case.times
        bodies = log_messages(count, shape=case.shape, partitions=case.partitions)
        messages = {partition: with_offsets(held) for partition, held in bodies.items()}
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as folder:
                best.add(_once(case, messages, count, Path(folder)))
    return best.results


def _once(case: _Case, messages: dict[int, list[Message]], events: int, folder: Path) -> Result:
    batches: list[StoredBatch] = []
    clock = _Clock()
    cells = 0
    for partition, held in messages.items():
        steps = Steps(folder / str(partition), partition, clock.end)
        clock.end("")
        for item in items(held):
            batches.append(steps.with_rollups(steps.process(item)))
            clock.end(_COUNT)
            cells += sum(len(rows.totals) for rows in batches[-1].rollups)
        steps.close()
        clock.end("")
    del clock.spent[""]
    seconds = sum(clock.spent.values())
    return Result(
        name=f"growth-{case.name}",
        title=case.title,
        group=Group.GROWTH,
        events=events,
        seconds=seconds,
        checks=(
            LossCheck(
                "rows for the stores",
                events,
                sum(message.events for batch in batches for message in batch.messages),
            ),
        ),
        figures={"rollup rows an event": cells / events},
        cpu_microseconds={step: spent / events * 1e6 for step, spent in clock.spent.items()},
    )
