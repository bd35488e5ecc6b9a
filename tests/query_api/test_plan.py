"""The planner picks the coarsest table that can tell the buckets apart."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from query_api.buckets import Buckets, Interval, buckets_of
from query_api.plan import Cells, Exactness, Plan, Source, plan_trends
from query_api.questions.filters import Group, Of
from query_api.questions.selectors import Breakdown, Measure

START = datetime(2026, 3, 28, tzinfo=UTC)


def buckets(zone: str, interval: Interval, start: datetime = START) -> Buckets:
    """Two days of buckets."""
    return buckets_of(start, start + timedelta(days=2), interval, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("zone", "interval", "events", "users"),
    [
        ("UTC", Interval.WEEK, Source.ROLLUP_HOUR, Source.DISTINCT_USERS_DAY),
        ("UTC", Interval.DAY, Source.ROLLUP_HOUR, Source.DISTINCT_USERS_DAY),
        ("UTC", Interval.HOUR, Source.ROLLUP_HOUR, Source.DISTINCT_USERS_HOUR),
        ("UTC", Interval.MINUTE, Source.ROLLUP_MINUTE, Source.EVENTS),
        ("Europe/Berlin", Interval.DAY, Source.ROLLUP_HOUR, Source.DISTINCT_USERS_HOUR),
        ("Asia/Kathmandu", Interval.DAY, Source.ROLLUP_MINUTE, Source.EVENTS),
        ("America/St_Johns", Interval.HOUR, Source.ROLLUP_MINUTE, Source.EVENTS),
    ],
)
def test_zones_decide_the_resolution(zone: str, interval: Interval, events: Source, users: Source) -> None:
    """UTC is answered by the day where it can be, whole-hour offsets by the hour, others by the minute or the event."""
    span = buckets(zone, interval)
    assert plan_trends(Measure.EVENTS, span) == Plan(events, Exactness.EXACT)
    assert plan_trends(Measure.EVENTS, span, breakdown=Breakdown(property="plan")) == Plan(
        events, Exactness.EXACT, may_overflow=True
    )
    exactness = Exactness.EXACT if users is Source.EVENTS else Exactness.APPROXIMATE
    assert plan_trends(Measure.USERS, span) == Plan(users, exactness)


def test_what_rollups_do_not_keep_is_counted_from_the_events() -> None:
    """Sets of users are kept for whole events and for single ids only; figures of properties not at all."""
    span = buckets("UTC", Interval.DAY)
    plan = Breakdown(property="plan")
    for choice in (
        plan_trends(Measure.USERS, span, breakdown=plan),
        plan_trends(Measure.USERS, span, linked=True),
        plan_trends(Measure.USERS, span, cumulative=True),
        plan_trends(Measure.USERS, span, filters=[group("=", "pro")]),
        plan_trends(Measure.SUM, span),
        plan_trends(Measure.EVENTS_PER_USER, span),
        plan_trends(Measure.EVENTS, span, breakdown=plan, filters=[group("=", "pro")]),
        plan_trends(Measure.USERS, span, breakdown=Breakdown(property="$event")),
        plan_trends(
            Measure.EVENTS, span, breakdown=Breakdown(property="$event"), filters=[group("=", "pro")]
        ),
        plan_trends(Measure.EVENTS, span, breakdown=Breakdown(property="$session_id")),
        plan_trends(Measure.EVENTS, span, breakdown=Breakdown(property="plan", of=Of.PERSON)),
    ):
        assert choice == Plan(Source.EVENTS, Exactness.EXACT)


def test_events_by_name_are_whole_cells() -> None:
    """No guard can have cut off any of them."""
    by_name = Breakdown(property="$event")
    assert plan_trends(Measure.EVENTS, buckets("UTC", Interval.DAY), breakdown=by_name) == Plan(
        Source.ROLLUP_HOUR
    )


def group(operator: str, value: object, name: str = "plan", of: str = "event") -> Group:
    """A filter of one condition."""
    return Group.model_validate(
        {"filters": [{"property": name, "of": of, "operator": operator, "value": value}]}
    )


@pytest.mark.parametrize(
    ("filters", "values"),
    [
        ([group("=", "pro")], ("pro",)),
        ([group("=", ["pro", "free", "pro"])], ("pro", "free")),
        ([group("=", True)], ("true",)),
        ([group("=", "")], ("",)),
        ([Group(), group("=", "pro")], ("pro",)),
        ([group("=", 5)], None),
        ([group("=", ["pro", 5])], None),
        ([group("=", "5")], None),
        ([group("=", "[1]")], None),
        ([group("=", "x" * 101)], None),
        ([group("=", "$other")], None),
        ([group("!=", "pro")], None),
        ([group("contains", "pro")], None),
        ([group("=", "page", name="$event")], None),
        ([group("=", "pro", of="person")], None),
        ([group("=", "pro"), group("=", "pro")], None),
    ],
)
def test_a_filter_by_values_of_one_property_is_cells_of_a_rollup(
    filters: list[Group], values: tuple[str, ...] | None
) -> None:
    """Where each value is sure to have cells of its own; numbers have none, and texts that could be one."""
    plan = plan_trends(Measure.EVENTS, buckets("UTC", Interval.DAY), filters=filters)
    if values is None:
        assert plan == Plan(Source.EVENTS)
    else:
        assert plan == Plan(Source.ROLLUP_HOUR, may_overflow=True, cells=Cells("plan", values))


def test_offsets_with_seconds_need_the_events() -> None:
    """Monrovia's clocks were 44 minutes and 30 seconds behind until 1972."""
    span = buckets("Africa/Monrovia", Interval.MINUTE, datetime(1971, 5, 1, tzinfo=UTC))
    assert plan_trends(Measure.EVENTS, span).source is Source.EVENTS
