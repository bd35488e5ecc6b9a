"""People's SQL on the real store: it computes what it says, over their own rows."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from query_api.columns import Columns, QueryLimits
from query_api.console.relations import table_filters
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.people.told import Told, identify, learn_people, store

pytestmark = pytest.mark.shards_too

OURS = [
    Told("visit", "anon", {"page": "/a b", "n": 1}, 0, 1, session_id="s1"),
    identify("ada", "anon", seconds=10, number=2, session_id="s1"),
    Told("buy", "ada", {"n": 2.5, "$set": {"plan": "pro"}}, 20, 3),
    Told("buy", "bob", {"n": 4}, 3_630, 4),
]
THEIRS = [
    Told("theirs", f"secret-{n}", {"$set": {"plan": "secret"}}, n, 100 + n, 2, "secret") for n in range(9)
]


@pytest.fixture(scope="module")
def told(stores: Stores) -> Stores:
    """Two projects' events, some of them stored twice, with their rollups."""
    store(stores.clickhouse_url, OURS + THEIRS, OURS[:2] + THEIRS[:3])
    learn_people(stores.clickhouse_url)
    return stores


@pytest.fixture
async def asks(told: Stores, open_api: Opening) -> AsyncIterator[httpx.AsyncClient]:
    """The API over the events."""
    async with open_api(told) as client:
        yield client


async def rows(asks: httpx.AsyncClient, query: str, **more: Any) -> list[list[Any]]:
    """Ask, and return the rows."""
    answer = await asks.post("/analytics/sql", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    found: list[list[Any]] = answer.json()["rows"]
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select count() from events", [[4]]),
        ("select event, count() as n from events group by event order by n desc, event", [["buy", 2], ["$identify", 1], ["visit", 1]]),
        ("select person_id, count() from events group by person_id order by person_id", [["ada", 3], ["bob", 1]]),
        ("select distinct_ids, properties['plan'] from people order by person_id", [[["ada", "anon"], '"pro"']]),
        ("select session_id, events, entry, exit, duration from sessions", [["s1", 2, "visit", "$identify", 10]]),
        ("select sum(JSONExtractFloat(properties, 'n')) from events where event = 'buy'", [[6.5]]),
        ("select JSONExtractString(properties, 'page') from events where event = 'visit'", [["/a b"]]),
        ("with buys as (select * from events where event = 'buy') select b.distinct_id from buys b order by 1", [["ada"], ["bob"]]),
        ("select 'it''s', 'a\\nb', '\\\\', 'Zürich'", [["it's", "a\nb", "\\", "Zürich"]]),
        ("select toStartOfHour(timestamp, 'UTC') as h, count() from events group by h order by h", [["2026-10-01 00:00:00", 3], ["2026-10-01 01:00:00", 1]]),
        ("select dateDiff('second', min(timestamp), max(timestamp)) from events", [[3630]]),
        ("select count() from events where timestamp > toDateTime('2026-10-01 00:00:00', 'UTC') + interval 1 hour", [[1]]),
        ("select quantileExact(0.5)(JSONExtractFloat(properties, 'n')) from events where event != '$identify'", [[2.5]]),
        ("select arrayMap(x -> x * 2, range(3)), arraySum([1, 2])", [[[0, 2, 4], 3]]),
        ("select e.event from events e join people p using (person_id) where event in ('visit', 'buy') order by 1", [["buy"], ["visit"]]),
        ("select if(1 = 1, 'y', 'n'), case when 0 then 1 else 2 end, coalesce(null, 3), cast('5' as UInt8), '6'::Int32", [["y", 2, 3, 5, 6]]),
        ("select row_number() over (order by timestamp) as r, event from events order by r limit 2", [[1, "visit"], [2, "$identify"]]),
        ("select a from (select 1 as a union all select 2) order by a", [[1], [2]]),
        ("select count() from events where distinct_id in (select distinct_id from events where event = 'visit')", [[1]]),
        ("select 1 / 0, -1 / 0", [["inf", "-inf"]]),
        ("select uniqExactIf(distinct_id, event = 'buy'), countIf(event = 'visit'), maxOrNull(1) from events", [[2, 1, 1]]),
        ("select windowFunnel(3600)(toDateTime(timestamp), event = 'visit', event = '$identify', event = 'buy') from events", [[3]]),
        ("select k, count() from (select arrayJoin(JSONExtractKeys(properties)) as k from events) group by k order by k limit 1", [["$anon_distinct_id", 1]]),
        ("select count(distinct distinct_id), min(timestamp) from events", [[3, "2026-10-01 00:00:00.000000"]]),
    ],
)  # fmt: skip
async def test_queries_compute(asks: httpx.AsyncClient, query: str, expected: list[list[Any]]) -> None:
    """Against numbers counted by hand; nothing that arrived twice counts twice."""
    assert await rows(asks, query) == expected


async def test_answer_is_bounded_and_described(asks: httpx.AsyncClient) -> None:
    """Columns have types; rows beyond the limit are cut off, and that is said."""
    answer = (
        await asks.post("/analytics/sql", json={"query": "select event as e from events", "limit": 3})
    ).json()
    assert answer["columns"] == [{"name": "e", "type": "LowCardinality(String)"}]
    assert (len(answer["rows"]), answer["truncated"]) == (3, True)
    whole = (await asks.post("/analytics/sql", json={"query": "select event from events", "limit": 4})).json()
    assert (len(whole["rows"]), whole["truncated"]) == (4, False)
    none = (await asks.post("/analytics/sql", json={"query": "select event from events where 0"})).json()
    assert (none["rows"], none["truncated"]) == ([], False)


@pytest.mark.parametrize("table", ["events", "rollup_minute", "rollup_hour", "sessions", "people"])
async def test_tables_hold_one_project(asks: httpx.AsyncClient, table: str) -> None:
    """Nothing of the other project is in any table, in any column."""
    answer = await asks.post("/analytics/sql", json={"query": f"select * from {table}", "limit": 10_000})
    assert answer.status_code == 200, answer.text
    assert "secret" not in answer.text
    assert "project_id" not in answer.text
    answer = await asks.post(
        "/analytics/sql",
        json={"query": f"select * from {table}"},
        headers={"authorization": f"Bearer {READ_TWO}"},
    )
    assert "ada" not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "select project_id from events",
        "select _part from events",
        "select no_such_column from events",
        "select toDate('never')",
        "select 1 + 'x'",
        "select sum(event) from events",
        "select events.project_id from events",
        "select * from identity_links, (with identity_links as (select 1) select * from identity_links)",
        "select * from (with person_facts as (select 1) select 1) a, person_facts",
        "select 1 in (select)",
        "select * from events array join events",
        "select * from (select 1) as system_one, system_one",
    ],
)
async def test_mistakes_are_explained(asks: httpx.AsyncClient, query: str) -> None:
    """What the store refuses comes back as a sentence about the query, not about how it is run."""
    answer = await asks.post("/analytics/sql", json={"query": query})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "query")
    for word in ("smolhog_", "project_id:", "Stack trace", "{project_id"):
        assert word not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "select sum(a * b) from (select arrayJoin(range(100000)) as a) x, (select arrayJoin(range(100000)) as b) y",
        "select length(groupArray(repeat('x', 100000))) from (select arrayJoin(range(10000)))",
        "select arrayMap(x -> arrayMap(y -> range(1000), range(1000)), range(1000))",
    ],
)
async def test_bombs_are_defused(told: Stores, open_api: Opening, query: str) -> None:
    """Time and memory are bounded, and the next question is answered."""
    async with open_api(told, limits=QueryLimits(seconds=1, memory_bytes=64 * 1024**2)) as client:
        answer = await client.post("/analytics/sql", json={"query": query})
        assert answer.status_code in {400, 422}, answer.text
        assert await rows(client, "select count() from events") == [[4]]


async def test_store_filters_once_more(told: Stores) -> None:
    """A statement that came past the two readers would still see one project, and could not write."""
    columns = Columns(told.clickhouse_url, QueryLimits())
    settings = {"readonly": 2, "additional_table_filters": table_filters(columns.database, 1)}
    try:
        for table in (
            "events",
            "sessions",
            "people",
            "person_facts",
            "identity_links",
            "distinct_users_hour",
        ):
            body = await columns.raw(
                f"SELECT countIf(project_id != 1) FROM {table}", {}, settings=settings, form="TSV"
            )
            assert body == b"0\n", table
        body = await columns.raw("SELECT count() FROM schema_migrations", {}, settings=settings, form="TSV")
        assert body == b"0\n"
        for statement in (
            "DROP TABLE events",
            "INSERT INTO people VALUES (1, 'a', 'b', 1)",
            "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        ):
            with pytest.raises(Exception, match=r"readonly|READONLY|ACCESS_DENIED|Not enough privileges"):
                await columns.raw(statement, {}, settings=settings, form="TSV")
    finally:
        columns.close()
