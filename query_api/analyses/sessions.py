"""Sessions: how many, how long, how they begin and end."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from query_api.analyses.sessions_sql import DURATIONS, WHOLE, SessionsRow, sessions_statement
from query_api.buckets import Buckets, Interval
from query_api.models import Answer
from query_api.open_question import open_question
from query_api.plan import Exactness
from query_api.questions.filter_sql import filter_sql
from query_api.questions.question import Question
from query_api.questions.ranges import buckets_in, span_of
from query_api.rooms import Rooms


class SessionsQuestion(Question):
    """Sessions that began in a range; with a filter, those in which at least one event fits it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"range": {"from": "-7d", "to": "now"}, "interval": "day"}]}
    )

    interval: Interval = Field(default=Interval.DAY, description="Length of a bucket, in the time zone.")


class SessionsPoint(Answer):
    """The sessions that began in one bucket."""

    time: str = Field(description="Start of the bucket.", examples=["2026-01-01T00:00:00+01:00"])
    sessions: int
    median_seconds: float | None
    bounce_rate: float | None


class SessionsDuration(Answer):
    """A bar of the histogram."""

    from_seconds: int
    to_seconds: int | None = Field(description="Not included; null for the last bar, which is open.")
    sessions: int


class SessionsEvent(Answer):
    """An event that sessions begin or end with."""

    event: str
    sessions: int


class SessionsAnswer(Answer):
    """Numbers of sessions."""

    total: int = Field(description="Sessions that began within the buckets.")
    people: int = Field(description="Whose they are; each person counts once.")
    average_seconds: float | None = Field(
        description="From the first event to the last; null without sessions."
    )
    median_seconds: float | None
    bounce_rate: float | None = Field(description="Share of sessions of a single event, 0 to 1.")
    events_per_session: float | None
    points: list[SessionsPoint]
    durations: list[SessionsDuration]
    entries: list[SessionsEvent] = Field(description="The most frequent first events.")
    exits: list[SessionsEvent] = Field(description="The most frequent last events.")
    as_of: datetime | None
    exactness: Exactness = Exactness.EXACT
    source: Literal["sessions"] = "sessions"


async def read_sessions(rooms: Rooms, project_id: int, asked: SessionsQuestion) -> SessionsAnswer:
    """Answer a question about sessions.

    Raises:
        InvalidParameter: the range, the time zone or a cohort makes no sense, or asks for too many points.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    span = span_of(asked.range, asked.timezone, rooms.now())
    buckets = buckets_in(span, asked.interval)
    as_of, scope = await open_question(rooms, project_id, asked)
    statement = sessions_statement(scope, buckets, filter_sql(asked.filter, scope))
    rows = await rooms.columns.rows(statement, scope.bindings.parameters, SessionsRow)
    whole = next((row for row in rows if row.place == WHOLE), None)
    bars = dict(whole.durations) if whole else {}
    return SessionsAnswer(
        total=whole.sessions if whole else 0,
        people=whole.people if whole else 0,
        average_seconds=whole.average_seconds if whole else None,
        median_seconds=whole.median_seconds if whole else None,
        bounce_rate=_bounce_rate(whole),
        events_per_session=whole.events / whole.sessions if whole else None,
        points=_points(rows, buckets),
        durations=[
            SessionsDuration(from_seconds=start, to_seconds=end, sessions=bars.get(start, 0))
            for start, end in DURATIONS
        ],
        entries=_events(whole.entries if whole else []),
        exits=_events(whole.exits if whole else []),
        as_of=as_of,
    )


def _bounce_rate(row: SessionsRow | None) -> float | None:
    return None if row is None else row.bounces / row.sessions


def _points(rows: list[SessionsRow], buckets: Buckets) -> list[SessionsPoint]:
    by_place = {row.place: row for row in rows}
    points = []
    for place, start in enumerate(buckets.starts):
        row = by_place.get(place)
        points.append(
            SessionsPoint(
                time=buckets.label(start),
                sessions=row.sessions if row is not None else 0,
                median_seconds=row.median_seconds if row is not None else None,
                bounce_rate=_bounce_rate(row),
            )
        )
    return points


def _events(counts: list[tuple[str, int]]) -> list[SessionsEvent]:
    return [SessionsEvent(event=event, sessions=sessions) for event, sessions in counts]
