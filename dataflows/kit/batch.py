"""What flows work on: the events of one message of the log, column by column.

A message is the unit of everything in the kit. What a step makes of a message depends on that message
and those before it in its partition, never on how messages were grouped, on a clock or on chance; so
whatever comes out *at an offset* is the same after a crash, and a sink recognises it by that offset.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import compress
from typing import Any, NamedTuple, Self

import msgspec
from bytewax.operators import KeyedStream

from dataflows.dedup import dedup_key, place_of

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_pack = msgspec.msgpack.Encoder(enc_hook=str).encode


class Place(msgspec.Struct, frozen=True):
    """Where in the log an event is; no other event has the same."""

    partition: str
    offset: int
    index: int


class Event(NamedTuple):
    """One event, for those who prefer to look at one at a time."""

    project_id: int
    event_id: str
    name: str
    distinct_id: str
    timestamp: datetime
    """When it happened, corrected for the client's clock; UTC."""
    received_at: datetime
    session_id: str | None
    properties: dict[str, Any]
    place: Place


class EventColumns(NamedTuple):
    """What a source knows of the events of one message; a list each, all of one length."""

    indexes: list[int]
    """Place of each event in its message."""
    project_ids: list[int]
    event_ids: list[str]
    names: list[str]
    distinct_ids: list[str]
    timestamps: list[datetime]
    received_ats: list[datetime]
    session_ids: list[str | None]
    properties: list[dict[str, Any]]

    def keys(self) -> list[bytes]:
        """Return the :func:`dataflows.dedup.dedup_key` of each event.

        Raises:
            ValueError: an id is no UUID.
        """
        ids = bytes.fromhex("".join(self.event_ids).replace("-", ""))
        if len(ids) != 16 * len(self.event_ids):
            raise ValueError("an event_id is not a UUID of 36 characters")
        projects = {project: dedup_key(project, b"") for project in set(self.project_ids)}
        begins = range(0, len(ids), 16)
        return [ids[b : b + 16] + projects[p] for b, p in zip(begins, self.project_ids, strict=True)]

    def places(self, offset: int) -> list[bytes]:
        """Return the :func:`dataflows.dedup.place_of` of each event; offsets of older logs are negative."""
        return [place_of(offset % 2**64, index) for index in self.indexes]

    def select(self, mask: Sequence[object]) -> "EventColumns":
        """Return the events for which ``mask`` is true."""
        selected: list[list[Any]] = [list(compress(column, mask)) for column in self]
        return EventColumns(*selected)


class EventBatch:
    """The events of one message of the log, without those that were refused or repeated.

    Not to be changed once it was handed on: other steps see the same object.

    Args:
        partition: of the log, as text: the key of the stream.
        offset: of the message.
        log_time: the newest time of arrival in the message, in seconds since 1970; 0 if it has none.
        columns: the events.
    """

    def __init__(self, partition: str, offset: int, log_time: float, columns: EventColumns) -> None:
        self.partition = partition
        self.offset = offset
        self.log_time = log_time
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns.names)

    @property
    def project_ids(self) -> list[int]:
        """Whose each event is."""
        return self.columns.project_ids

    @property
    def event_ids(self) -> list[str]:
        """UUIDs, 36 characters."""
        return self.columns.event_ids

    @property
    def names(self) -> list[str]:
        """What happened."""
        return self.columns.names

    @property
    def distinct_ids(self) -> list[str]:
        """Who did it."""
        return self.columns.distinct_ids

    @property
    def session_ids(self) -> list[str | None]:
        """In which session, where the client said."""
        return self.columns.session_ids

    @property
    def timestamps(self) -> list[datetime]:
        """When each happened, corrected for the client's clock; UTC."""
        return self.columns.timestamps

    @property
    def received_ats(self) -> list[datetime]:
        """When each arrived."""
        return self.columns.received_ats

    @property
    def properties(self) -> list[dict[str, Any]]:
        """Of each event; to be read only."""
        return self.columns.properties

    @cached_property
    def times(self) -> list[float]:
        """``timestamps`` in seconds since 1970."""
        return list(map(datetime.timestamp, self.timestamps))

    def events(self) -> Iterator[Event]:
        """Yield one event at a time."""
        rows: Iterator[tuple[Any, ...]] = zip(*self.columns, strict=True)
        for index, *fields in rows:
            yield Event._make([*fields, Place(self.partition, self.offset, index)])

    def select(self, mask: Sequence[object]) -> Self:
        """Return a batch of the events for which ``mask`` is true; an empty one still tells the time."""
        return type(self)(self.partition, self.offset, self.log_time, self.columns.select(mask))

    def with_properties(self, name: str, values: Sequence[Any]) -> Self:
        """Return a batch whose events have one more property, each its own value."""
        properties = [{**known, name: value} for known, value in zip(self.properties, values, strict=True)]
        return type(self)(
            self.partition, self.offset, self.log_time, self.columns._replace(properties=properties)
        )


Column = Callable[[EventBatch], Sequence[Any]]
"""Takes a value for each event out of a batch."""

Events = KeyedStream[EventBatch]
"""A stream of batches, by partition."""

_NAMED: dict[str, Column] = {
    "event": lambda batch: batch.names,
    "distinct_id": lambda batch: batch.distinct_ids,
    "session_id": lambda batch: batch.session_ids,
    "project_id": lambda batch: batch.project_ids,
    "event_id": lambda batch: batch.event_ids,
    "timestamp": lambda batch: batch.timestamps,
}


def prop(name: str, default: Any = None) -> Column:
    """Return the column of a property; ``default`` where an event has none."""

    def column(batch: EventBatch) -> list[Any]:
        return [properties.get(name, default) for properties in batch.properties]

    return column


def storable(values: Sequence[Any]) -> Sequence[Any]:
    """Return values that MessagePack, in which steps keep what they know, can hold: larger integers become text.

    Whoever sends events chooses them, and JSON has integers of any size.
    """
    try:
        _pack(values)
    except OverflowError:
        return list(map(_storable, values))
    return values


def _storable(value: Any) -> Any:
    try:
        _pack(value)
    except OverflowError:
        return repr(value)
    return value


def named(*names: str) -> Column:
    """Return a column that says of each event whether it has one of these names."""

    def column(batch: EventBatch) -> list[bool]:
        return [name in names for name in batch.names]

    return column


def column_of(wanted: Column | str) -> Column:
    """Return the column that a flow names: one of its own, or a field of the event.

    Raises:
        ValueError: there is no such field.
    """
    if not isinstance(wanted, str):
        return wanted
    if wanted not in _NAMED:
        raise ValueError(
            f"no column {wanted!r}: an event has {', '.join(_NAMED)}; for a property, prop({wanted!r})"
        )
    return _NAMED[wanted]
