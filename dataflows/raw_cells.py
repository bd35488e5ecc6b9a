"""Counts raw events into cells with the very rules by which the dataflow counts them."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from dataflows.rollup import RollupCounter
from schemas.rollup import Interval, RollupRows
from sinks.postgres.raw_events import RawEvent

_NEVER = 2**62
# What waits to be counted is whole events; cells are small beside it.
_SETTLE_EVENTS = 10_000
_decode = msgspec.json.Decoder(dict).decode


class HourOfCells:
    """The cells of one hour, by minute and by hour.

    Args:
        begin: start of the hour, in seconds since 1970.
        segments: for each partition, the segment that its rows get.
        values: values of a dimension that are told apart, as :class:`dataflows.rollup.RollupCounter`.
    """

    def __init__(self, begin: int, segments: list[int], values: int) -> None:
        self.begin = begin
        self.events = 0
        self._segments = segments
        # Log time never passes a bucket here, so each partition counts an hour in one segment.
        self._counters = [RollupCounter(partition, _NEVER, values) for partition in range(len(segments))]

    def count(self, event: RawEvent) -> None:
        """Count one event."""
        counted = (event.minute, event.event, _decode(event.properties), _decode(event.context))
        counter = self._counters[event.partition]
        counter.count(self._segments[event.partition], 0, event.project_id, [counted])
        self.events += 1
        if self.events % _SETTLE_EVENTS == 0:
            for each in self._counters:
                each.settle()

    def rows(self) -> list[RollupRows]:
        """Return all cells. Their version is 0: it is no offset up to which anything was read."""
        return [row._replace(version=0) for counter in self._counters for row in counter.emit()]


def count_hours(events: Iterable[RawEvent], segments: list[int], values: int) -> Iterator[HourOfCells]:
    """Count events that come hour by hour; yields each hour that has any, once it is complete."""
    for begin, share in groupby(events, key=lambda event: event.minute // Interval.HOUR * Interval.HOUR):
        hour = HourOfCells(begin, segments, values)
        for event in share:
            hour.count(event)
        yield hour
