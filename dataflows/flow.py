"""The built-in dataflow, wired: source -> process -> stores. All else is in plain Python modules."""

from collections.abc import Callable
from datetime import timedelta

from bytewax import operators as op
from bytewax.dataflow import Dataflow

from dataflows.process import PipelineFactory, ProcessLogic
from dataflows.rollup import RollupCounter
from dataflows.source import EventLogSource
from dataflows.stores import StoresSink


def build_flow(
    *,
    partition: int,
    source: EventLogSource,
    make_rollups: Callable[[bytes | None], RollupCounter],
    make_pipeline: PipelineFactory,
    sync: Callable[[], None],
    emit_every: timedelta,
    stores: StoresSink,
) -> Dataflow:
    """Wire the dataflow of one partition.

    The names of the steps are part of the recovery store's format: never change them.

    Args:
        partition: which partition of the log.
        source: reads it.
        make_rollups: makes the open cells from a snapshot, or from nothing.
        make_pipeline: makes the pipeline that counts into these cells.
        sync: see :class:`dataflows.process.ProcessLogic`.
        emit_every: time between two emissions of rollups.
        stores: where batches go.
    """

    def make_logic(state: bytes | None) -> ProcessLogic:
        rollups = make_rollups(state)
        return ProcessLogic(partition, make_pipeline(rollups), rollups, sync, emit_every)

    flow = Dataflow("smolhog")
    messages = op.input("log", flow, source)
    batches = op.stateful_batch("process", messages, make_logic)
    op.output("stores", batches, stores)
    return flow
