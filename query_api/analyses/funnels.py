"""Funnels: how many people do one thing after another, and where they are lost."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from query_api.analyses.attempts import Order
from query_api.analyses.durations import Duration, microseconds_of
from query_api.analyses.funnels_sql import Funnel, FunnelRow, PersonRow, people_statement, summary_statement
from query_api.errors import InvalidParameter
from query_api.models import Answer
from query_api.open_question import open_question
from query_api.people.addresses import public_id
from query_api.plan import Exactness, Source
from query_api.questions.filters import refusal
from query_api.questions.question import Question
from query_api.questions.ranges import span_of
from query_api.questions.selectors import Breakdown, Selector
from query_api.rooms import Rooms
from schemas.rollup import OTHER

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,16})\.(.{1,1000})", re.DOTALL)
_STEPS: list[JsonValue] = [
    {"event": "page_view"},
    {"event": "add_to_cart"},
    {"event": "purchase", "label": "Bought"},
]


class FunnelsQuestion(Question):
    """Steps that people are to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"range": {"from": "-14d", "to": "now"}, "steps": _STEPS, "order": "ordered", "window": "7d"}
            ]
        }
    )

    steps: tuple[Selector, ...] = Field(min_length=2, max_length=10, description="Two to ten.")
    order: Order = Field(
        default=Order.ORDERED,
        description="`ordered`: one after the other, anything may happen between; `strict`: nothing else may; "
        "`any`: in whatever order.",
    )
    window: Duration = Field(
        default="14d", description="Longest time from the first step to the last.", examples=["7d"]
    )
    breakdown: Breakdown | None = Field(
        default=None, description="Tells people apart by what the first event of their attempt carries."
    )

    def funnel(self) -> Funnel:
        """Return what is asked for."""
        return Funnel(self.steps, self.order, microseconds_of(self.window), self.filter, self.breakdown)


class FunnelStep(Answer):
    """The people who reached a step."""

    event: str | None
    label: str | None
    count: int = Field(
        description="People; each counts once, at every step up to the furthest that they reached."
    )
    from_start: float = Field(description="Share of those who reached the first step, 0 to 1.")
    from_previous: float = Field(
        description="Share of those who reached the step before; 1 for the first step."
    )
    dropped: int = Field(description="People who reached the step before and not this one.")
    median_seconds: float | None = Field(
        description="From the step before; null for the first and where nobody is."
    )
    average_seconds: float | None


class FunnelBreakdown(Answer):
    """The people of one value."""

    value: str | None = Field(
        description="`$other` for the values beyond the limit; null for people without one."
    )
    steps: list[FunnelStep]


class FunnelsAnswer(Answer):
    """How far people got."""

    steps: list[FunnelStep] = Field(description="Of all people, in the order asked.")
    breakdowns: list[FunnelBreakdown] = Field(description="The same by value; together they are all people.")
    as_of: datetime | None
    exactness: Exactness = Exactness.EXACT
    source: Source = Source.EVENTS


class Outcome(StrEnum):
    """What became of people at a step."""

    CONVERTED = "converted"
    DROPPED = "dropped"


class FunnelPeopleQuestion(FunnelsQuestion):
    """Who did a step of a funnel, or got only as far as the one before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"range": {"from": "-14d", "to": "now"}, "steps": _STEPS, "step": 2, "outcome": "dropped"}
            ]
        }
    )

    step: int = Field(default=1, ge=1, le=10, description="Counted from 1.", validate_default=True)
    outcome: Outcome = Field(
        default=Outcome.CONVERTED,
        description="`converted`: they reached this step; `dropped`: the step before was their last.",
        validate_default=True,
    )
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = Field(
        default=None, max_length=1100, description="Go on where an answer stopped: its `next`."
    )

    @field_validator("step")
    @classmethod
    def _exists(cls, step: int, info: ValidationInfo) -> int:
        steps = info.data.get("steps", ())
        if steps and step > len(steps):
            raise refusal(f"the funnel has {len(steps)} steps")
        return step

    @field_validator("outcome")
    @classmethod
    def _is_possible(cls, outcome: Outcome, info: ValidationInfo) -> Outcome:
        if outcome is Outcome.DROPPED and info.data.get("step") == 1:
            raise refusal("nobody can drop before the first step; ask for step 2 or later")
        return outcome


class FunnelPerson(Answer):
    """A person, and when they got there."""

    person_id: str
    distinct_id: str = Field(description="The id that they were last seen under in this funnel.")
    reached_at: datetime = Field(description="When they did the step, or for dropped ones the step before.")


class FunnelPeopleAnswer(Answer):
    """People, those who got there last first."""

    people: list[FunnelPerson]
    next: str | None = Field(description="Give it as `cursor` to go on; null when there are none.")
    as_of: datetime | None


async def read_funnels(rooms: Rooms, project_id: int, asked: FunnelsQuestion) -> FunnelsAnswer:
    """Answer a question about a funnel.

    Raises:
        InvalidParameter: the range, the time zone or a cohort makes no sense.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    span = span_of(asked.range, asked.timezone, rooms.now())
    as_of, scope = await open_question(rooms, project_id, asked)
    statement = summary_statement(asked.funnel(), scope, span)
    rows = await rooms.columns.rows(statement, scope.bindings.parameters, FunnelRow)
    # Where there is nobody, ClickHouse answers the total of nothing: empty arrays.
    all_people = next((row for row in rows if row.is_total and row.counts), None)
    breakdowns = (
        [] if asked.breakdown is None else sorted((row for row in rows if not row.is_total), key=_rank)
    )
    return FunnelsAnswer(
        steps=_steps(asked.steps, all_people),
        breakdowns=[FunnelBreakdown(value=_value(row), steps=_steps(asked.steps, row)) for row in breakdowns],
        as_of=as_of,
    )


async def read_funnel_people(
    rooms: Rooms, project_id: int, asked: FunnelPeopleQuestion
) -> FunnelPeopleAnswer:
    """Return the people of one step of a funnel.

    Raises:
        InvalidParameter: the cursor is none of ours, or as :func:`read_funnels`.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    span = span_of(asked.range, asked.timezone, rooms.now())
    after = None if asked.cursor is None else _parse_cursor(asked.cursor)
    as_of, scope = await open_question(rooms, project_id, asked)
    statement = people_statement(
        asked.funnel()._replace(breakdown=None),
        scope,
        span,
        step=asked.step,
        dropped=asked.outcome is Outcome.DROPPED,
        after=after,
        # One more than asked for tells whether there is a next page.
        limit=asked.limit + 1,
    )
    rows = await rooms.columns.rows(statement, scope.bindings.parameters, PersonRow)
    page = rows[: asked.limit]
    return FunnelPeopleAnswer(
        people=[_person(row) for row in page],
        next=f"{page[-1].reached_at}.{page[-1].person}" if len(rows) > asked.limit else None,
        as_of=as_of,
    )


def _rank(row: FunnelRow) -> tuple[bool, bool, int, str]:
    return row.kind == "none", row.kind == "rest", -row.counts[0], row.value


def _value(row: FunnelRow) -> str | None:
    return {"none": None, "rest": OTHER}.get(row.kind, row.value)


def _steps(steps: tuple[Selector, ...], row: FunnelRow | None) -> list[FunnelStep]:
    counts = [0] * len(steps) if row is None else row.counts
    nothing: list[float | None] = [None] * (len(steps) - 1)
    medians, averages = (nothing, nothing) if row is None else (row.medians, row.averages)
    return [
        FunnelStep(
            event=step.event,
            label=step.label,
            count=count,
            from_start=count / counts[0] if counts[0] else 0,
            from_previous=count / previous if previous else 0,
            dropped=previous - count,
            median_seconds=median,
            average_seconds=average,
        )
        for step, count, previous, median, average in zip(
            steps, counts, [counts[0], *counts], [None, *medians], [None, *averages], strict=False
        )
    ]


def _parse_cursor(text: str) -> tuple[int, str]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidParameter("cursor must be the `next` of an earlier answer", field="cursor")
    return int(match[1]), match[2]


def _person(row: PersonRow) -> FunnelPerson:
    return FunnelPerson(
        person_id=public_id(row.person),
        distinct_id=row.distinct_id,
        reached_at=_EPOCH + timedelta(microseconds=row.reached_at),
    )
