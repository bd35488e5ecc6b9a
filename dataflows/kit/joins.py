"""Joins with a table of PostgreSQL that changes slowly."""

from collections.abc import Hashable, Sequence
from datetime import timedelta

import bytewax.operators as op
from bytewax.dataflow import operator

from dataflows.kit.batch import Column, EventBatch, Events, column_of, storable
from dataflows.kit.flow import current_runtime
from dataflows.kit.lookups import RecordedLookup
from dataflows.kit.writing import own_name

_KEEP_DAYS = 8


@operator
def join_table(
    step_id: str,
    up: Events,
    *,
    on: Column | str,
    query: str,
    columns: Sequence[str],
    refresh: timedelta = timedelta(minutes=1),
    most: int = 100_000,
) -> Events:
    """Put columns of a row of PostgreSQL to each event as properties; ``None`` where there is no row.

    A row counts as it is when the event's message is first seen, or was up to ``refresh`` before; a replay is told
    the same again. Times and numbers beyond 64-bit floats become text.

    Args:
        step_id: unique name.
        up: events.
        on: what to look up.
        query: one placeholder ``%s`` for an array of keys; returns the key, then the columns.
            ``SELECT user_id, plan FROM plans WHERE user_id = ANY(%s)``
        columns: names of the properties.
        refresh: for how long an answer is good.
        most: answers that are remembered.
    """
    column = column_of(on)
    runtime = current_runtime()
    step = own_name(step_id)
    lookup = runtime.lookup(step, query, refresh, most)
    recorded: dict[str, RecordedLookup] = {}

    def join(batch: EventBatch) -> EventBatch:
        if not len(batch):
            return batch
        if batch.partition not in recorded:
            recorded[batch.partition] = RecordedLookup(
                lookup, runtime.index(step, batch.partition, _KEEP_DAYS)
            )
        values = storable(column(batch))
        keys = list({value: None for value in values if isinstance(value, Hashable) and value is not None})
        answers = recorded[batch.partition].ask(batch.offset, keys)
        rows = [answers.get(value) if isinstance(value, Hashable) else None for value in values]
        for number, name in enumerate(columns):
            batch = batch.with_properties(name, [None if row is None else row[number] for row in rows])
        return batch

    return op.map_value("join", up, join)
