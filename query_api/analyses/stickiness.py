"""Stickiness: on how many days (weeks, months) of a range people did something."""

from datetime import datetime
from typing import NamedTuple

from pydantic import ConfigDict, Field

from query_api.analyses.bucket_places import bucket_place
from query_api.analyses.marked_events import marked_events
from query_api.analyses.retention import CalendarInterval
from query_api.buckets import Buckets, Interval
from query_api.models import Answer
from query_api.open_question import open_question
from query_api.plan import Exactness, Source
from query_api.questions.question import Question
from query_api.questions.ranges import buckets_in, span_of
from query_api.questions.scope import Scope
from query_api.questions.selectors import Selector
from query_api.rooms import Rooms

_MICROS = 1_000_000


class StickinessQuestion(Question):
    """Who does what how regularly."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "range": {"from": "-4w", "to": "now"},
                    "interval": "day",
                    "series": [{"event": "message_sent"}],
                }
            ]
        }
    )

    interval: CalendarInterval = Field(default=Interval.DAY, description="What is counted, in the time zone.")
    series: tuple[Selector, ...] = Field(default=(Selector(),), min_length=1, max_length=10)


class StickinessSeries(Answer):
    """The people who did one thing."""

    event: str | None
    label: str | None
    counts: list[int] = Field(
        description="People who did it in exactly 1, 2, … of the intervals; as many numbers as there are intervals."
    )


class StickinessAnswer(Answer):
    """How regularly people did things."""

    intervals: int = Field(description="Of the range, the first and the last one whole.")
    series: list[StickinessSeries]
    as_of: datetime | None
    exactness: Exactness = Exactness.EXACT
    source: Source = Source.EVENTS


class StickinessRow(NamedTuple):
    """People who did one of the things in so many intervals."""

    series: int
    intervals: int
    people: int


async def read_stickiness(rooms: Rooms, project_id: int, asked: StickinessQuestion) -> StickinessAnswer:
    """Answer a question about stickiness.

    Raises:
        InvalidParameter: the range, the time zone or a cohort makes no sense, or asks for too many intervals.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    span = span_of(asked.range, asked.timezone, rooms.now())
    buckets = buckets_in(span, asked.interval, series=len(asked.series), field="range")
    as_of, scope = await open_question(rooms, project_id, asked)
    statement = stickiness_statement(asked, scope, buckets)
    found = await rooms.columns.rows(statement, scope.bindings.parameters, StickinessRow)
    people = {(row.series, row.intervals): row.people for row in found}
    count = len(buckets.starts)
    return StickinessAnswer(
        intervals=count,
        series=[
            StickinessSeries(
                event=selector.event,
                label=selector.label,
                counts=[people.get((place, intervals), 0) for intervals in range(1, count + 1)],
            )
            for place, selector in enumerate(asked.series)
        ],
        as_of=as_of,
    )


def stickiness_statement(asked: StickinessQuestion, scope: Scope, buckets: Buckets) -> str:
    """Return a statement of :class:`StickinessRow`; intervals are sets, so rows that arrived twice change nothing."""
    place = bucket_place(buckets, scope.bindings)
    begin, end = buckets.start * _MICROS, buckets.end * _MICROS
    relation = marked_events(scope, begin, end, asked.series, asked.filter)
    marks = [f"is_{number}" for number in range(len(asked.series))]
    counts = ", ".join(f"length(groupUniqArrayIf(place, {mark}))" for mark in marks)
    return f"""
SELECT series - 1 AS series, intervals, count() AS people
FROM (
    SELECT arrayJoin(arrayZip(arrayEnumerate(counts), counts)) AS pair, pair.1 AS series, pair.2 AS intervals
    FROM (
        SELECT person, [{counts}] AS counts
        FROM (SELECT person, {", ".join(marks)}, {place} AS place FROM {relation})
        GROUP BY person
    )
)
WHERE intervals > 0
GROUP BY series, intervals
"""
