"""A shop's real clickstream: trends and breakdowns against DuckDB, which reads the file itself."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.query_api.conftest import Stores
from tests.query_api.stored import Stored, write

CLICKSTREAM = Path(__file__).parents[4] / "shared" / "data" / "shop-clickstream.csv.gz"
RANGE = {"from": "2024-01-01", "to": "2024-12-31"}

pytestmark = pytest.mark.skipif(
    not CLICKSTREAM.exists(), reason="the clickstream's folder is not beside this one"
)


@pytest.fixture(scope="module")
def shop() -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as table ``e``."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE e AS SELECT * FROM read_csv(?)", [str(CLICKSTREAM)])
    yield connection
    connection.close()


@pytest.fixture(scope="module", autouse=True)
def stored(shop: duckdb.DuckDBPyConnection, stores: Stores) -> None:
    """The file in the columnar copy and the rollups, half of its rows twice."""
    rows = shop.execute(
        "SELECT event, user_id, timestamp, session_id, platform, hour(timestamp) FROM e"
    ).fetchall()
    write(
        stores.clickhouse_url,
        [
            Stored(1, event, user, at.replace(tzinfo=UTC), {"platform": platform, "hour": hour}, {}, session)
            for event, user, at, session, platform, hour in rows
        ],
    )


async def ask(api: httpx.AsyncClient, path: str, **question: Any) -> dict[str, Any]:
    """Ask about the year that the file is from."""
    response = await api.post(f"/analytics/{path}", json={"range": RANGE, **question})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def numbers(answer: dict[str, Any]) -> dict[tuple[str | None, str], float]:
    """Return what is not 0 or null, by value of the breakdown and day."""
    return {
        (one["breakdown"], point["time"][:10]): point["value"]
        for one in answer["series"]
        for point in one["points"]
        if point["value"]
    }


@pytest.mark.parametrize("interval", ["day", "week", "month"])
@pytest.mark.parametrize(
    ("measure", "counted"),
    [
        ({"measure": "events"}, "count(*)"),
        ({"measure": "users"}, "count(DISTINCT user_id)"),
        ({"measure": "events_per_user"}, "count(*) / count(DISTINCT user_id)"),
        ({"measure": "average", "property": "hour"}, "avg(hour(timestamp))"),
        ({"measure": "p90", "property": "hour"}, "quantile_cont(hour(timestamp), 0.9)"),
    ],
)
async def test_trends_by_platform(
    api: httpx.AsyncClient,
    shop: duckdb.DuckDBPyConnection,
    interval: str,
    measure: dict[str, str],
    counted: str,
) -> None:
    """Every measure of product views, by rollup and by event, is what DuckDB makes of the file."""
    answer = await ask(
        api,
        "trends",
        interval=interval,
        series=[{"event": "product_view", **measure}],
        breakdown={"property": "platform", "limit": 100},
    )
    expected = shop.execute(
        f"SELECT platform, strftime(date_trunc('{interval}', timestamp), '%Y-%m-%d'), {counted} AS n FROM e "
        "WHERE event = 'product_view' GROUP BY ALL HAVING n != 0"
    ).fetchall()
    assert numbers(answer) == pytest.approx({(platform, day): n for platform, day, n in expected})
    assert answer["source"] == ("rollup_hour" if measure["measure"] == "events" else "events")


async def test_a_breakdown_with_filters(api: httpx.AsyncClient, shop: duckdb.DuckDBPyConnection) -> None:
    """People by event, of sessions with at least ten events on phones, after noon."""
    conditions = [
        {"property": "platform", "operator": "regex", "value": "^(mobile|ios|android)"},
        {"property": "hour", "operator": ">=", "value": 12},
        {"property": "events", "of": "session", "operator": ">=", "value": 10},
    ]
    answer = await ask(
        api,
        "breakdown",
        measure="users",
        filter={"filters": conditions},
        breakdown={"property": "$event", "limit": 100},
    )
    expected = shop.execute(
        "SELECT event, count(DISTINCT user_id) FROM e WHERE regexp_matches(platform, '^(mobile|ios|android)') "
        "AND hour(timestamp) >= 12 "
        "AND session_id IN (SELECT session_id FROM e GROUP BY session_id HAVING count(*) >= 10) GROUP BY event"
    ).fetchall()
    assert {row["value"]: row["count"] for row in answer["rows"]} == dict(expected)
    assert len(expected) > 3
