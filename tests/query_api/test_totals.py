"""The totals of a project."""

from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from query_api.models import StatsAnswer
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.stored import Stored, counted, write

pytestmark = pytest.mark.shards_too

START = datetime(2025, 12, 30, tzinfo=UTC)
EVENTS = [
    Stored(
        1 + number % 2,
        f"event-{number % 13 % (12 + number % 2)}",
        f"user-{number % 211}",
        START + timedelta(minutes=7 * number),
        {"plan": "pro"},
    )
    for number in range(1500)
]


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """Events over several months, with older versions of their cells."""
    write(stores.clickhouse_url, EVENTS)


@pytest.mark.parametrize("path", ["/analytics/stats", "/api/analytics/stats"])
@pytest.mark.parametrize(("key", "project"), [(None, 1), (READ_TWO, 2)])
async def test_totals_are_those_of_the_key_s_project(
    api: httpx.AsyncClient, path: str, key: str | None, project: int
) -> None:
    """Counts are exact however often rows arrived; users are a union; ten events at most."""
    if key is not None:
        api.headers["authorization"] = f"Bearer {key}"
    response = await api.get(path)
    assert response.status_code == 200, response.text
    StatsAnswer.model_validate_json(response.content)
    answer = response.json()
    mine = [event for event in EVENTS if event.project_id == project]
    assert list(answer)[:3] == ["total_events", "unique_users", "top_events"]
    assert answer["total_events"] == len(mine)
    assert answer["unique_users"] == len({event.distinct_id for event in mine})
    ranked = sorted(counted(mine).items(), key=lambda item: (-item[1], item[0]))
    assert answer["top_events"] == [{"event": event, "count": count} for event, count in ranked[:10]]
    assert answer["exactness"] == {
        "total_events": "exact",
        "unique_users": "approximate",
        "top_events": "exact",
    }


async def test_an_empty_project_has_zeros(stores: Stores, open_api: Opening) -> None:
    """A new project's totals are 0, not an error."""
    async with open_api(stores, project_id=50) as api:
        answer = (await api.get("/analytics/stats")).json()
    assert (answer["total_events"], answer["unique_users"], answer["top_events"]) == (0, 0, [])


async def test_as_of_is_the_newest_arrival_that_is_stored(stores: Stores, api: httpx.AsyncClient) -> None:
    """Null before anything was stored, then the log time of the partition that is furthest."""
    assert (await api.get("/analytics/stats")).json()["as_of"] is None
    insert = (
        "INSERT INTO sink_positions (log_id, log_partition, next_offset, log_time) VALUES "
        "(7, 0, 10, '2026-01-01T12:00:00.25Z'), (7, 1, 12, '2026-01-01T13:00:01+01:00'), (7, 2, 0, NULL)"
    )
    with psycopg.connect(stores.postgres_dsn) as connection:
        connection.execute(insert)
    for path in ("/analytics/stats", "/analytics/events", "/analytics/trends"):
        assert (await api.get(path)).json()["as_of"] == "2026-01-01T12:00:01Z"
