"""Retention: of the people who started in a period, how many came back in each of the next ones."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import ConfigDict, Field

from query_api.analyses.retention_sql import Asked, Kind, RetentionRow, retention_statement
from query_api.buckets import Buckets, Interval, buckets_of
from query_api.models import Answer
from query_api.open_question import open_question
from query_api.plan import Exactness, Source
from query_api.questions.question import Question
from query_api.questions.ranges import Span, buckets_in, span_of
from query_api.questions.selectors import Selector
from query_api.rooms import Rooms

CalendarInterval = Literal[Interval.DAY, Interval.WEEK, Interval.MONTH]
_LONGEST = {
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(days=7),
    Interval.MONTH: timedelta(days=31),
}


class RetentionQuestion(Question):
    """Who starts, and who comes back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "range": {"from": "-8w", "to": "now"},
                    "interval": "week",
                    "periods": 8,
                    "start": {"event": "signed_up"},
                    "returning": {"event": None},
                    "kind": "first_time",
                }
            ]
        }
    )

    interval: CalendarInterval = Field(
        default=Interval.DAY, description="Length of a period, in the time zone."
    )
    periods: int = Field(
        default=8, ge=2, le=31, description="Numbers in a row, the period of the start included."
    )
    start: Selector = Field(default=Selector(), description="What starts.")
    returning: Selector = Field(default=Selector(), description="What counts as coming back.")
    kind: Kind = Field(
        default=Kind.FIRST_TIME,
        description="`first_time`: people start once, when they did `start` for the first time ever; "
        "`recurring`: they start in every period in which they did it.",
    )


class RetentionCohort(Answer):
    """The people who started in one period."""

    start: str = Field(
        description="When the period begins, with the offset of the time zone.",
        examples=["2026-01-05T00:00:00+01:00"],
    )
    size: int
    counts: list[int | None] = Field(
        description="How many of them were there again, by periods since: first all of them, then those who came back "
        "in the next period, and so on; null where that period has not begun yet."
    )


class RetentionAnswer(Answer):
    """A row for each period of the range."""

    rows: list[RetentionCohort]
    average: list[float | None] = Field(
        description="Share of people who came back, 0 to 1, by periods since, over the rows for which that period is "
        "over; null where there is none."
    )
    as_of: datetime | None
    exactness: Exactness = Exactness.EXACT
    source: Source = Source.EVENTS


async def read_retention(rooms: Rooms, project_id: int, asked: RetentionQuestion) -> RetentionAnswer:
    """Answer a question about retention.

    Raises:
        InvalidParameter: the range, the time zone or a cohort makes no sense, or asks for too many periods.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    now = rooms.now()
    span = span_of(asked.range, asked.timezone, now)
    rows = len(buckets_in(span, asked.interval, series=asked.periods, field="range").starts)
    buckets = _periods(span, asked.interval, rows + asked.periods - 1)
    as_of, scope = await open_question(rooms, project_id, asked)
    which = Asked(asked.start, asked.returning, asked.kind, asked.periods, asked.filter)
    statement = retention_statement(which, scope, buckets, rows)
    found = await rooms.columns.rows(statement, scope.bindings.parameters, RetentionRow)
    cohorts = _cohorts(found, buckets, rows, asked.periods, now.timestamp())
    return RetentionAnswer(rows=cohorts, average=_average(cohorts, buckets, now.timestamp()), as_of=as_of)


def _periods(span: Span, interval: CalendarInterval, count: int) -> Buckets:
    """Return ``count`` periods from the one that the range begins in."""
    # A day more for clocks that change; what is too much is cut off.
    end = span.start + _LONGEST[interval] * (count + 1) + timedelta(days=1)
    bounds = buckets_of(span.start, end, interval, span.zone).bounds
    return Buckets(bounds[: count + 1], span.zone)


def _cohorts(
    found: list[RetentionRow], buckets: Buckets, rows: int, periods: int, now: float
) -> list[RetentionCohort]:
    people = {(row.place, row.after): row.people for row in found}
    return [
        RetentionCohort(
            start=buckets.label(buckets.starts[place]),
            size=people.get((place, 0), 0),
            counts=[
                people.get((place, after), 0) if buckets.starts[place + after] <= now else None
                for after in range(periods)
            ],
        )
        for place in range(rows)
    ]


def _average(cohorts: list[RetentionCohort], buckets: Buckets, now: float) -> list[float | None]:
    averages: list[float | None] = []
    for after in range(len(cohorts[0].counts)):
        # A period that still runs would look worse than it is going to be.
        over = [
            cohort
            for place, cohort in enumerate(cohorts)
            if after == 0 or buckets.bounds[place + after + 1] <= now
        ]
        size = sum(cohort.size for cohort in over)
        returned = sum(cohort.counts[after] or 0 for cohort in over)
        averages.append(returned / size if size else None)
    return averages
