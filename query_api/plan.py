"""Which table answers a question about trends, and how exact that is. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from query_api.buckets import Buckets
from schemas.rollup import Interval as RollupInterval


class Measure(StrEnum):
    """What is counted."""

    EVENTS = "events"
    USERS = "users"


class Source(StrEnum):
    """The table that an answer was read from."""

    ROLLUP_HOUR = "rollup_hour"
    ROLLUP_MINUTE = "rollup_minute"
    DISTINCT_USERS_HOUR = "distinct_users_hour"
    DISTINCT_USERS_MINUTE = "distinct_users_minute"
    EVENTS = "events"


class Exactness(StrEnum):
    """Whether a number is the number, or an estimate within about one per cent."""

    EXACT = "exact"
    APPROXIMATE = "approximate"


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to read.

    Attributes:
        source: the table to ask.
        exactness: of its answer.
        may_overflow: the answer is not exact after all where the cardinality guard has cut values
            off (a cell of ``$other``); ask ``events`` then.
    """

    source: Source
    exactness: Exactness
    may_overflow: bool = False


_BY_RESOLUTION = {
    (Measure.EVENTS, RollupInterval.HOUR): Source.ROLLUP_HOUR,
    (Measure.EVENTS, RollupInterval.MINUTE): Source.ROLLUP_MINUTE,
    (Measure.USERS, RollupInterval.HOUR): Source.DISTINCT_USERS_HOUR,
    (Measure.USERS, RollupInterval.MINUTE): Source.DISTINCT_USERS_MINUTE,
}


def plan_trends(measure: Measure, buckets: Buckets, *, breakdown: bool) -> Plan:
    """Choose the coarsest table that can tell these buckets apart.

    Rollups count by UTC hour and UTC minute. Buckets of zones whose offset is not a whole number of
    hours need the minutes; the few zones that once had seconds in their offset, and users by
    property, of which no state is kept, need the events themselves.
    """
    resolution = _resolution(buckets)
    if resolution is None or (breakdown and measure is Measure.USERS):
        return Plan(Source.EVENTS, Exactness.EXACT)
    source = _BY_RESOLUTION[measure, resolution]
    if measure is Measure.USERS:
        return Plan(source, Exactness.APPROXIMATE)
    return Plan(source, Exactness.EXACT, may_overflow=breakdown)


def _resolution(buckets: Buckets) -> RollupInterval | None:
    for interval in (RollupInterval.HOUR, RollupInterval.MINUTE):
        if buckets.aligned_to(interval):
            return interval
    return None
