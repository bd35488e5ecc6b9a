"""Steps over events: by batch, or one at a time for those who prefer that."""

from collections.abc import Callable, Collection, Hashable, Mapping
from hashlib import blake2b
from typing import Any, TypeVar

import bytewax.operators as op
import msgspec
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream

from dataflows.dedup import DedupIndex, find_first
from dataflows.kit.batch import Column, Event, EventBatch, Events, column_of, storable
from dataflows.kit.flow import current_runtime
from dataflows.kit.rows import Rows
from dataflows.kit.writing import own_name

T = TypeVar("T")
U = TypeVar("U")
_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


@operator
def filter_events(
    step_id: str,
    up: Events,
    *,
    names: Collection[str] | None = None,
    projects: Collection[int] | None = None,
    where: Callable[[Event], object] | None = None,
) -> Events:
    """Keep the events that meet all conditions.

    Batches that lose all events are passed on: they tell later steps the time.

    Args:
        step_id: unique name.
        up: events.
        names: what happened; cheap, for it looks at one column.
        projects: whose; as cheap.
        where: looks at one event at a time.
    """

    def select(batch: EventBatch) -> EventBatch:
        if names is not None:
            batch = batch.select([name in names for name in batch.names])
        if projects is not None:
            batch = batch.select([project in projects for project in batch.project_ids])
        if where is not None:
            batch = batch.select([where(event) for event in batch.events()])
        return batch

    return op.map_value("select", up, select)


@operator
def map_batches(step_id: str, up: Events, change: Callable[[EventBatch], EventBatch]) -> Events:
    """Change whole batches: return another one, of the same message."""
    return op.map_value("change", up, change)


@operator
def map_events(step_id: str, up: Events, make: Callable[[Event], T | None]) -> KeyedStream[Rows[T]]:
    """Make a row of each event; ``None`` makes none."""

    def rows(batch: EventBatch) -> list[Rows[T]]:
        made = [row for event in batch.events() if (row := make(event)) is not None]
        return [Rows(batch.partition, batch.offset, batch.log_time, made)] if made else []

    return op.flat_map_value("make", up, rows)


@operator
def map_rows(step_id: str, up: KeyedStream[Rows[T]], make: Callable[[T], U | None]) -> KeyedStream[Rows[U]]:
    """Make another row of each; ``None`` makes none."""

    def change(rows: Rows[T]) -> list[Rows[U]]:
        made = [new for row in rows.rows if (new := make(row)) is not None]
        return [rows.holding(made)] if made else []

    return op.flat_map_value("make", up, change)


@operator
def enrich(step_id: str, up: Events, *, on: Column | str, lookup: Mapping[Any, object], name: str) -> Events:
    """Put a property to each event, looked up in a table that is in memory.

    The same after a replay for as long as the table is the same: for one that changes, see
    :func:`dataflows.kit.joins.join_table`.

    Args:
        step_id: unique name.
        up: events.
        on: what to look up.
        lookup: the table.
        name: of the property; ``None`` where nothing is found.
    """
    column = column_of(on)

    def put(batch: EventBatch) -> EventBatch:
        found = [lookup.get(value) if isinstance(value, Hashable) else None for value in column(batch)]
        return batch.with_properties(name, found)

    return op.map_value("put", up, put)


@operator
def drop_repeats(step_id: str, up: Events, *, key: Column | str, days: int = 8) -> Events:
    """Keep of all events of a project with the same key the first in their partition.

    Keys are on disk, with the place where each was first seen: so a replay keeps the same events again. All of a
    person's events are in one partition; a key that several people may have is kept once for each partition.

    Args:
        step_id: unique name.
        up: events.
        key: what tells events apart; those without any (``None``) are all kept.
        days: for which a key is remembered, at least.
    """
    column = column_of(key)
    runtime = current_runtime()
    step = own_name(step_id)
    indexes: dict[str, DedupIndex] = {}

    def first(batch: EventBatch) -> EventBatch:
        if not len(batch):
            return batch
        if batch.partition not in indexes:
            indexes[batch.partition] = runtime.index(step, batch.partition, days)
        values = storable(column(batch))
        keys = [_digest(project, value) for project, value in zip(batch.project_ids, values, strict=True)]
        places = batch.columns.places(batch.offset)
        passed = find_first(indexes[batch.partition], keys, places)
        return batch.select([value is None or new for value, new in zip(values, passed, strict=True)])

    return op.map_value("first", up, first)


def _digest(project_id: int, value: object) -> bytes:
    return blake2b(_encode([project_id, value]), digest_size=20).digest()
