"""Runs a flow on Bytewax itself, over events that a test feeds, with everything else in memory.

Events take the way of the real ones: they are encoded as messages of a log, and decoded, checked and
deduplicated from there. Time is the time of arrival of what was fed last.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from bytewax._bytewax import cluster_main
from bytewax.recovery import RecoveryConfig, init_db_dir

from dataflows.kit.flow import Flow
from dataflows.kit.reasons import reasons
from dataflows.kit.testing.builders import DAY, TestEvent
from dataflows.kit.testing.memory import Crash, CrashPoints, MemoryRuntime, MessageSource
from dataflows.kit.testing.twins import Row
from dataflows.kit.ticks import tick
from event_log.port import Message
from schemas.envelope import LogEvent, SubBatch, encode_sub_batch, join_sub_batches, partition_of

_AT_ONCE = timedelta(0)
_MOST_CRASHES = 60


class FlowTest:
    """A flow under test.

    Args:
        flow: which one; its source is the test.
        partitions: of the log that the test makes.
        begin: time of arrival of the first events.
    """

    def __init__(
        self, flow: Flow, *, partitions: int = 2, begin: datetime = DAY + timedelta(hours=12)
    ) -> None:
        self.flow = flow
        self.now = begin
        self._messages: dict[str, list[Message]] = {str(number): [] for number in range(partitions)}
        self._tables: dict[str, dict[Any, Row]] = {}
        self._result: MemoryRuntime | None = None

    def feed(self, *events: TestEvent) -> None:
        """Have events arrive together: a message for each partition that they go to.

        They arrive now, or at the newest of their times if that is later: time then is that.
        """
        shares: defaultdict[tuple[str, int], list[LogEvent]] = defaultdict(list)
        for each in events:
            logged = each.logged
            partition = partition_of(each.project_id, logged.distinct_id, len(self._messages))
            shares[str(partition), each.project_id].append(logged)
            if logged.timestamp is not None:
                self.now = max(self.now, logged.timestamp)
        bodies: defaultdict[str, list[bytes]] = defaultdict(list)
        for (partition_key, project_id), share in shares.items():
            batch = SubBatch(project_id, self.now, None, "test", None, None, None, share)
            bodies[partition_key].append(encode_sub_batch(batch))
        for partition_key, parts in bodies.items():
            self._append(partition_key, join_sub_batches(parts))

    def advance(self, by: timedelta) -> None:
        """Let time pass in all partitions."""
        self.now += by
        for partition in self._messages:
            self._append(partition, tick(self.now))

    def advance_to(self, at: str | datetime) -> None:
        """Let time pass until ``HH:MM[:SS]`` of the tests' day, or a time."""
        if isinstance(at, str):
            at = datetime.combine(DAY, time.fromisoformat(at), UTC)
        self.advance(at - self.now)

    def table(self, step: str, rows: dict[Any, Row]) -> None:
        """Say what the table of a join holds: key -> columns."""
        self._tables[step] = rows
        self._result = None

    def rows(self, step: str) -> list[Row]:
        """Return what a reader of an output finds, once everything that was fed has had its effect.

        Raises:
            KeyError: the flow has no such output.
        """
        if self._result is None:
            self._result = self._run_whole(CrashPoints(None))
        return self._result.twins[step].rows()

    def totals(self, step: str, value: str, by: Sequence[str]) -> dict[tuple[Any, ...], Any]:
        """Add up a column of an output, by others: what ``SELECT by, sum(value) … GROUP BY by`` finds."""
        sums: dict[tuple[Any, ...], Any] = {}
        for row in self.rows(step):
            key = tuple(row[name] for name in by)
            sums[key] = sums.get(key, 0) + row[value]
        return sums

    def assert_crash_safe(self) -> int:
        """Run the flow again and again, each time with a crash at another moment; returns how many there were.

        The moments are before every message, and before and after every write of every output.

        Raises:
            AssertionError: after some crash the effect is another.
        """
        whole = CrashPoints(None)
        expected = self._run_whole(whole).effect()
        moments = range(1, whole.passed + 1)
        step = -(-len(moments) // _MOST_CRASHES)
        chosen = moments[::step]
        for moment in chosen:
            points = CrashPoints(moment)
            found = self._run_whole(points).effect()
            assert found == expected, (
                f"a crash at moment {moment} ({points.crashed_at}) changes the effect:\n{found}\ninstead of\n{expected}"
            )
        return len(chosen)

    def _append(self, partition: str, body: bytes) -> None:
        messages = self._messages[partition]
        messages.append(Message(len(messages), body))
        self._result = None

    def _run_whole(self, points: CrashPoints) -> MemoryRuntime:
        """Run to the end, over as many crashes as it takes."""
        runtime = MemoryRuntime(self.flow, tuple(self._messages), self._tables, points)
        with tempfile.TemporaryDirectory(prefix="smolhog-flow-") as name:
            recovery = Path(name)
            init_db_dir(recovery, 1)
            while not self._run_once(runtime, recovery, points):
                continue
        return runtime

    def _run_once(self, runtime: MemoryRuntime, recovery: Path, points: CrashPoints) -> bool:
        """Run until the end, or until a crash: ``False``."""
        source = MessageSource(self._messages, runtime, points)
        dataflow = self.flow.build(source, runtime)
        crashed_before = points.crashed
        try:
            cluster_main(
                dataflow, [], 0, epoch_interval=_AT_ONCE, recovery_config=RecoveryConfig(str(recovery))
            )
        except Exception as error:
            if not any(isinstance(reason, Crash) for reason in reasons(error)):
                raise
            return False
        return points.crashed == crashed_before
