"""A program: a flow whose store refuses what comes, until the flow fails. Run by test_stores.py."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bytewax import operators as op
from bytewax._bytewax import cluster_main
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.recovery import RecoveryConfig, init_db_dir

from dataflows.lag import Progress
from dataflows.stores import StoresSink
from schemas.stored import StoredBatch
from sinks.background import BackgroundWriter
from sinks.errors import SinkRejectedWrite
from sinks.report import WriteReport

Keyed = tuple[str, StoredBatch]


class Batches(StatefulSourcePartition[Keyed, int]):
    """A batch now and then, for ever."""

    def next_batch(self) -> list[Keyed]:
        """Return one."""
        return [("0", StoredBatch([], frozenset(), [], 1, None))]

    def next_awake(self) -> datetime:
        """Rest between two."""
        return datetime.now(UTC) + timedelta(milliseconds=10)

    def snapshot(self) -> int:
        """Where it is does not matter."""
        return 0


class Source(FixedPartitionedSource[Keyed, int]):
    """One partition of these."""

    def list_parts(self) -> list[str]:
        """Return its number."""
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Batches:
        """Return it."""
        del step_id, for_part, resume_state
        return Batches()


class RefusingStore:
    """Takes three writes, then none."""

    def __init__(self) -> None:
        self._taken = 0

    def write(self, batches: list[StoredBatch]) -> WriteReport:
        """Count them."""
        self._taken += 1
        if self._taken > 3:
            raise SinkRejectedWrite("the store refuses these rows")
        return WriteReport(len(batches), 0)

    def close(self) -> None:
        """Nothing is open."""


def main() -> None:
    """Run until the flow fails; says how."""
    flow = Dataflow("failing")
    batches = op.input("log", flow, Source())
    writers = [BackgroundWriter(RefusingStore(), "test")]
    op.output("stores", batches, StoresSink(0, writers, Progress(0, None, 0.0)))
    with TemporaryDirectory() as folder:
        init_db_dir(Path(folder), 1)
        try:
            cluster_main(
                flow,
                [],
                0,
                epoch_interval=timedelta(milliseconds=50),
                recovery_config=RecoveryConfig(folder),
            )
        except BaseException as error:  # noqa: BLE001 - the reason stands at the end of the chain
            reason: BaseException | None = error
            while reason is not None:
                sys.stdout.write(f"{type(reason).__name__}\n")
                reason = reason.__cause__
        else:
            sys.stdout.write("no error\n")


if __name__ == "__main__":
    main()
