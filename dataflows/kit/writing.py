"""The last step of every branch: into a sink."""

from typing import cast

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream

from dataflows.kit.flow import current_runtime
from dataflows.kit.rows import Rows, T, WindowRows
from dataflows.kit.sink import FlowSink, Item


@operator
def write(step_id: str, up: KeyedStream[Rows[T]] | KeyedStream[WindowRows], sink: FlowSink) -> None:
    """Write rows, or windows as they grow, to a sink: once in effect.

    Args:
        step_id: unique name; positions in the sink go by it.
        up: what to write.
        sink: where to.
    """
    op.output("sink", cast("KeyedStream[Item]", up), current_runtime().sink(own_name(step_id), sink))


def own_name(step_id: str) -> str:
    """Return a step's name without that of its flow."""
    return step_id.partition(".")[2]
