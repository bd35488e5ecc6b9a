"""Which table answers a question about numbers over time, and how exact that is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from query_api.buckets import Buckets
from query_api.questions.attributes import EVENT_NAME, FIELDS, VALUE_CHARACTERS
from query_api.questions.filters import Group, Of, Operator, conditions_of
from query_api.questions.selectors import Breakdown, Measure
from schemas.rollup import OTHER
from schemas.rollup import Interval as RollupInterval


class Source(StrEnum):
    """The table that an answer was read from; of several, the finest."""

    ROLLUP_HOUR = "rollup_hour"
    ROLLUP_MINUTE = "rollup_minute"
    DISTINCT_USERS_DAY = "distinct_users_day"
    DISTINCT_USERS_HOUR = "distinct_users_hour"
    EVENTS = "events"
    SESSIONS = "sessions"
    PEOPLE = "people"


class Exactness(StrEnum):
    """Whether a number is the number, or an estimate within about one per cent."""

    EXACT = "exact"
    APPROXIMATE = "approximate"


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a rollup that a filter asks for: those of some values of one dimension."""

    dimension: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to read.

    Attributes:
        source: the table to ask.
        exactness: of its answer.
        may_overflow: the answer is not exact after all where the cardinality guard has cut values
            off (a cell of ``$other``); ask ``events`` then.
        cells: what of a rollup is counted; all of it without.
    """

    source: Source
    exactness: Exactness = Exactness.EXACT
    may_overflow: bool = False
    cells: Cells | None = None


FROM_EVENTS = Plan(Source.EVENTS)

_DAY = 86_400
# By the length of their own buckets in seconds, the coarsest first.
_TABLES: dict[Measure, dict[int, Source]] = {
    Measure.EVENTS: {RollupInterval.HOUR: Source.ROLLUP_HOUR, RollupInterval.MINUTE: Source.ROLLUP_MINUTE},
    Measure.USERS: {_DAY: Source.DISTINCT_USERS_DAY, RollupInterval.HOUR: Source.DISTINCT_USERS_HOUR},
}
# As text these are equal to numbers, lists and objects too, which the rollups do not have.
_LIKE_JSON = frozenset("+-.0123456789[{")


def plan_trends(
    measure: Measure,
    buckets: Buckets,
    *,
    breakdown: Breakdown | None = None,
    filters: Sequence[Group] = (),
    linked: bool = False,
    cumulative: bool = False,
) -> Plan:
    """Choose the coarsest table that can tell these buckets apart.

    Rollups count events by UTC hour and UTC minute, users by UTC day and UTC hour. Buckets of zones whose offset is
    not a whole number of hours need the minutes, and for users the events themselves; so do the few zones that once
    had seconds in their offset.
    Rollups count events by one property at most, and the sets of users not by any; the sets are of distinct ids,
    so they do where each is a person. Everything else is counted from the events.

    Args:
        measure: what is counted.
        buckets: by what.
        breakdown: if values are told apart.
        filters: all that have to hold.
        linked: whether ids of the project are linked.
        cumulative: each bucket counts all before it, too.
    """
    source = next(
        (table for step, table in _TABLES.get(measure, {}).items() if buckets.aligned_to(step)), None
    )
    filters = [group for group in filters if next(conditions_of(group), None) is not None]
    if source is None:
        return FROM_EVENTS
    if measure is Measure.USERS:
        if breakdown is not None or filters or linked or cumulative:
            return FROM_EVENTS
        return Plan(source, Exactness.APPROXIMATE)
    if breakdown is not None:
        if filters or breakdown.of is not Of.EVENT:
            return FROM_EVENTS
        if breakdown.property == EVENT_NAME:
            return Plan(source)
        return Plan(source, may_overflow=True) if _is_dimension(breakdown.property) else FROM_EVENTS
    if not filters:
        return Plan(source)
    cells = _cells(filters)
    return FROM_EVENTS if cells is None else Plan(source, may_overflow=True, cells=cells)


def _is_dimension(name: str) -> bool:
    return name not in FIELDS and name != OTHER


def _cells(filters: Sequence[Group]) -> Cells | None:
    """Return the cells that the filters mean, if one condition is all they are and rollups can tell."""
    conditions = [condition for group in filters for condition in conditions_of(group)]
    if len(conditions) != 1:
        return None
    (condition,) = conditions
    if (
        condition.operator is not Operator.EQUALS
        or condition.of is not Of.EVENT
        or not _is_dimension(condition.property)
    ):
        return None
    given = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    values = [str(value).lower() if isinstance(value, bool) else value for value in given]
    if not all(isinstance(value, str) and _has_cell(value) for value in values):
        return None
    return Cells(condition.property, tuple(dict.fromkeys(values)))


def _has_cell(value: str) -> bool:
    return value != OTHER and len(value) <= VALUE_CHARACTERS and value[:1] not in _LIKE_JSON
