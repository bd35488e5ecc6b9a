"""SmolHog's first question about numbers over time: events or users, by bucket, by event, by one property."""

from collections.abc import Sequence
from typing import Any

from query_api.analyses.trend_numbers import Shared, Wanted, is_about_people, read_numbers
from query_api.analyses.trends import exactness_of, source_of
from query_api.buckets import Interval
from query_api.models import TrendsAnswer, TrendsParameters
from query_api.open_question import open_question
from query_api.questions.ranges import buckets_in, span_between
from query_api.questions.selectors import Breakdown, Measure, Selector
from query_api.rooms import Rooms
from query_api.trend_rows import Line


async def read_trends(rooms: Rooms, project_id: int, asked: TrendsParameters) -> TrendsAnswer:
    """Answer a question about trends.

    Args:
        rooms: the stores and the clock.
        project_id: of the key that asks.
        asked: the question.

    Raises:
        InvalidParameter: the range or the time zone makes no sense, or asks for too many points.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    breakdown = None
    if asked.breakdown is not None:
        breakdown = Breakdown(property=asked.breakdown, limit=asked.breakdown_limit)
    per_event = 1 if breakdown is None else breakdown.limit + 2
    span = span_between(asked.from_, asked.to, asked.timezone, rooms.now(), fields=("from", "to"))
    series = max(1, len(asked.event)) * per_event
    buckets = buckets_in(span, Interval(asked.interval), series=series, coarsest=Interval.DAY)
    people = is_about_people([Measure(asked.measure)], breakdown)
    as_of, scope = await open_question(rooms, project_id, people=people)
    names: list[str | None] = [*dict.fromkeys(asked.event)] or [None]
    # These names were never bounded; one that no event can have counts nothing.
    selectors = [Selector.model_construct(event=name) for name in names]
    wanted = [Wanted(selector, Measure(asked.measure)) for selector in selectors]
    numbers = await read_numbers(rooms.columns, scope, Shared(buckets, breakdown=breakdown), wanted)
    labels = buckets.labels
    return TrendsAnswer.model_validate(
        {
            "interval": asked.interval,
            "timezone": asked.timezone,
            "from": labels[0],
            "to": buckets.label(buckets.end),
            "series": [_series(line, labels) for one in numbers for line in one.lines],
            "as_of": as_of,
            "exactness": exactness_of(numbers),
            "source": source_of(numbers),
        }
    )


def _series(line: Line, labels: Sequence[str]) -> dict[str, Any]:
    # Thousands of points become an answer at once, faster than one by one.
    points = [
        {"time": label, "value": int(value or 0)} for label, value in zip(labels, line.values, strict=True)
    ]
    return {
        "event": line.series or None,
        "breakdown": line.breakdown,
        "points": points,
        "total": int(line.total or 0),
    }
