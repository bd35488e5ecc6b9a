"""Sizes of large sets of users are told once, and never wrong: what is asked again is what the events say."""

import httpx
import pytest

from query_api.columns import Columns
from query_api.set_sizes import SetRow, SetSizes, is_mixture, numbers_of
from query_api.trend_rows import Kind, TrendRow
from sinks.clickhouse.connect import connect
from tests.fixtures_clickhouse import kept
from tests.query_api.conftest import Opening, Stores

pytestmark = pytest.mark.shards_too

PLACE = (1, "distinct_users_day", 86_400)
DAY = 86_400
# More users than a set keeps as a list.
_VISITS = """
INSERT INTO events (project_id, event_id, event, distinct_id, timestamp, received_at, properties)
SELECT 1, generateUUIDv4(number), {event:String}, concat('user-', toString({first:UInt32} + number)),
    toDateTime64({day:String}, 6, 'UTC') + INTERVAL 9 HOUR, now64(6, 'UTC'), '{}'
FROM numbers({count:UInt32})
"""
_COUNTED = """
SELECT toString(toDate(timestamp)), uniqCombined64(distinct_id) FROM events
WHERE project_id = 1 AND event IN {events:Array(String)}
GROUP BY GROUPING SETS ((toDate(timestamp)), ()) ORDER BY 1
"""


def visit(stores: Stores, day: str, count: int, *, first: int = 0, event: str = "visit") -> None:
    """Store a visit of each of some users."""
    with connect(stores.clickhouse_url) as client:
        bound = {"day": day, "count": count, "first": first, "event": event}
        client.command(_VISITS, parameters=bound)


def counted(stores: Stores, *events: str) -> tuple[int, list[int]]:
    """Return the users of the whole range and of each day, counted from the events."""
    with connect(stores.clickhouse_url) as client:
        rows = client.query(_COUNTED, parameters={"events": list(events)}).result_rows
    whole, *days = [int(users) for _, users in rows]
    return whole, days


async def asked_of(
    api: httpx.AsyncClient, *, zone: str = "UTC", source: str = "distinct_users_day", **which: str
) -> tuple[int, list[int]]:
    """Return the same as the query API answers it."""
    span = {"from": "2026-10-26", "to": "2026-10-29", "timezone": zone, "interval": "day"}
    answer = (await api.get("/analytics/trends", params={**span, "measure": "users", **which})).json()
    assert answer["source"] == source
    (series,) = answer["series"]
    return series["total"], [point["value"] for point in series["points"]]


async def test_answers_follow_the_events_however_often_they_are_asked(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    """Days that were told before are right again, also when late events make their sets larger."""
    for number, day in enumerate(("2026-10-26", "2026-10-27", "2026-10-28", "2026-10-29")):
        visit(stores, day, 6_000, first=number * 1_000)
    for _ in range(3):
        assert await asked_of(api) == counted(stores, "visit")
    visit(stores, "2026-10-26", 700, first=20_000)
    for _ in range(2):
        assert await asked_of(api) == counted(stores, "visit")
    with connect(stores.clickhouse_url) as client:
        client.command(f"OPTIMIZE TABLE {kept(client, 'distinct_users_day')} FINAL")
    visit(stores, "2026-10-27", 900, first=30_000, event="buy")
    for _ in range(2):
        assert await asked_of(api) == counted(stores, "visit", "buy")
        assert await asked_of(api, event="visit") == counted(stores, "visit")
        # There a day is a union of hours, whatever is known of days.
        berlin = await asked_of(api, zone="Europe/Berlin", source="distinct_users_hour")
        assert berlin == counted(stores, "visit", "buy")


async def test_days_with_equal_sets_are_told_apart(
    stores: Stores, open_api: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day whose set is still in two pieces is not taken for known because another day has the same users."""
    asked: list[str] = []
    rows = Columns.rows

    async def counting(
        self: Columns, statement: str, parameters: dict[str, object], row: type[SetRow]
    ) -> list[SetRow]:
        asked.append(statement)
        return await rows(self, statement, parameters, row)

    monkeypatch.setattr(Columns, "rows", counting)
    with connect(stores.clickhouse_url) as client:
        sets = kept(client, "distinct_users_day")
        client.command(f"SYSTEM STOP MERGES {sets}")
        client.command(f"DELETE FROM {kept(client, 'events')} WHERE project_id = 1")
        client.command(f"TRUNCATE TABLE {sets}")
    try:
        for day in ("2026-10-26", "2026-10-27", "2026-10-27", "2026-10-28", "2026-10-29"):
            visit(stores, day, 6_000)
        async with open_api(stores, project_id=1) as api:
            for _ in range(2):
                asked.clear()
                assert await asked_of(api) == counted(stores, "visit")
                assert len([one for one in asked if "uniqCombined64MergeIf" in one]) == 1
    finally:
        with connect(stores.clickhouse_url) as client:
            client.command(f"SYSTEM START MERGES {sets}")


def row(start: int | None, users: int, **more: int) -> SetRow:
    """Return the row of a bucket that is one set."""
    return SetRow("", start, users, **{"sets": 1, "known": 0, "content": 11, **more})


def test_a_large_set_of_a_bucket_that_is_over_is_known() -> None:
    """Small ones cost nothing, a union of several has no content of its own, and the last may still grow."""
    sizes = SetSizes()
    rows = [
        row(0, 9_000),
        row(DAY, 80, content=12),
        row(2 * DAY, 9_500, sets=2),
        row(3 * DAY, 9_900, content=14),
    ]
    sizes.learn(PLACE, [*rows, row(None, 20_000, sets=5)])
    buckets = [("", start * DAY) for start in range(4)]
    assert sizes.known(PLACE, buckets) == {11: 9_000}
    assert sizes.known((2, *PLACE[1:]), buckets) == {}


def test_a_set_that_became_part_of_a_larger_one_is_forgotten() -> None:
    """Otherwise each question would have to be asked twice from then on."""
    sizes = SetSizes()
    sizes.learn(PLACE, [row(0, 9_000), row(DAY, 9_000, content=12)])
    assert is_mixture([row(0, 20, sets=2, known=1), row(DAY, 9_000, content=12)])
    sizes.learn(PLACE, [row(0, 9_010, sets=2), row(DAY, 9_000, content=12)])
    assert sizes.known(PLACE, [("", 0), ("", DAY)]) == {}


@pytest.mark.parametrize("known", [0, 1])
def test_the_whole_range_is_always_counted_anew(known: int) -> None:
    """What is known stands in for the buckets alone."""
    rows = [row(0, 0 if known else 9_000, known=known), row(None, 9_000, known=known)]
    assert not is_mixture(rows)
    assert numbers_of(rows, {11: 9_000}) == [
        TrendRow("", Kind.TOTAL, "", 0, 9_000),
        TrendRow("", Kind.TOTAL, "", None, 9_000),
    ]
