"""One number by the values of a property: top pages, browsers, countries."""

import asyncio
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from query_api.analyses.trend_models import check_property
from query_api.analyses.trend_numbers import Shared, Wanted, read_numbers
from query_api.analyses.trends import exactness_of, source_of
from query_api.models import AS_OF, Answer
from query_api.open_question import open_question
from query_api.plan import Exactness, Source
from query_api.questions.question import Question
from query_api.questions.ranges import span_of, whole_units
from query_api.questions.selectors import Breakdown, Measure, Selector
from query_api.rooms import Rooms
from query_api.trend_rows import Number
from schemas.limits import DEFAULT_LIMITS

_SHARED_OUT = {Measure.EVENTS, Measure.USERS, Measure.SUM}


class BreakdownQuestion(Question):
    """One number by the values of a property."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "range": {"from": "-7d", "to": "now"},
                    "selector": {"event": "page_view"},
                    "measure": "users",
                    "breakdown": {"property": "$browser", "limit": 10},
                }
            ]
        }
    )

    selector: Selector = Field(default_factory=Selector)
    measure: Measure = Field(default=Measure.EVENTS, description="As in trends.")
    property: str | None = Field(
        default=None,
        min_length=1,
        max_length=DEFAULT_LIMITS.name_length,
        validate_default=True,
        description="The numeric property, for measures of one.",
    )
    breakdown: Breakdown

    @field_validator("property")
    @classmethod
    def _fits_measure(cls, name: str | None, info: ValidationInfo) -> str | None:
        return check_property(info.data.get("measure"), name)


class BreakdownRow(Answer):
    """One value."""

    value: str | None = Field(
        description="Of the property; `$other` for all beyond the limit, null for events without one."
    )
    count: int | float | None = Field(description="The measure; null where there is no such number.")
    share: float | None = Field(
        description="Of `total`, 0 to 1. People may have several values, so their shares may be more than 1 together. "
        "Null for measures that are no part of anything, such as averages."
    )


class BreakdownAnswer(Answer):
    """The most frequent values, then ``$other`` and events without a value."""

    rows: list[BreakdownRow]
    total: int | float | None = Field(description="The measure of all these events together.")
    from_: str = Field(
        alias="from",
        description="Start of what was counted: the range, widened to whole hours or, "
        "if it is under a day, minutes.",
    )
    to: str = Field(description="End of it.")
    as_of: datetime | None = AS_OF
    exactness: Exactness
    source: Source = Field(description="The table that was read; of several, the finest.")


async def read_breakdown(rooms: Rooms, project_id: int, asked: BreakdownQuestion) -> BreakdownAnswer:
    """Answer a question about one number by a property.

    Raises:
        InvalidParameter: the range or the time zone makes no sense.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    buckets = whole_units(span_of(asked.range, asked.timezone, rooms.now()))
    as_of, scope = await open_question(rooms, project_id, asked)
    wanted = [Wanted(asked.selector, asked.measure, asked.property)]
    by_value, whole = await asyncio.gather(
        read_numbers(rooms.columns, scope, Shared(buckets, asked.filter, asked.breakdown), wanted),
        # Parts and whole are counted alike, or the shares would not be any.
        read_numbers(rooms.columns, scope, Shared(buckets, asked.filter, exact=True), wanted),
    )
    total = whole[0].lines[0].total
    rows: list[dict[str, Any]] = [
        {"value": line.breakdown, "count": line.total, "share": _share(asked.measure, line.total, total)}
        for line in by_value[0].lines
    ]
    return BreakdownAnswer.model_validate(
        {
            "rows": rows,
            "total": total,
            "from": buckets.label(buckets.start),
            "to": buckets.label(buckets.end),
            "as_of": as_of,
            "exactness": exactness_of([*by_value, *whole]),
            "source": source_of([*by_value, *whole]),
        }
    )


def _share(measure: Measure, part: Number | None, total: Number | None) -> float | None:
    if measure not in _SHARED_OUT or part is None or not total:
        return None
    return part / total
