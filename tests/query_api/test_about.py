"""What a page asks first."""

import httpx
import psycopg

from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.people.told import Told, store


async def test_me_is_the_project_of_the_key(stores: Stores, open_api: Opening) -> None:
    """Its number and name, and whether there is anything to look at yet."""
    async with open_api(stores) as client:
        before = (await client.get("/analytics/me")).json()
        store(stores.clickhouse_url, [Told("visit", "ada")])
        after = (await client.get("/analytics/me")).json()
        other = (await client.get("/analytics/me", headers={"authorization": f"Bearer {READ_TWO}"})).json()
    assert before == {
        "project_id": 1,
        "project_name": "ours",
        "timezone_default": "UTC",
        "first_event": False,
    }
    assert after == before | {"first_event": True}
    assert other == before | {"project_id": 2, "project_name": "theirs"}


async def test_pipeline_tells_how_far_events_are(stores: Stores, api: httpx.AsyncClient) -> None:
    """Positions of the log, what was refused, and what the stores hold."""
    with psycopg.connect(stores.postgres_dsn) as connection:
        connection.execute(
            "INSERT INTO sink_positions (log_id, log_partition, next_offset, log_time, updated_at) "
            "VALUES (7, 0, 42, '2026-11-01 12:00:00Z', '2026-11-01 12:00:01.5Z'), (7, 1, 0, NULL, now())"
        )
        for project in (1, 2, 2):
            connection.execute(
                "INSERT INTO rejected_events (log_id, log_partition, log_offset, log_index, project_id, received_at, "
                "reason, message, payload, rejected_by) VALUES (7, 0, nextval('rejected_events_rejected_id_seq'), 0, "
                "%s, '2026-11-01 12:30:00Z', 'malformed', 'x', 'x', 'gateway')",
                [project],
            )
    answer = (await api.get("/analytics/pipeline")).json()
    assert answer["partitions"] == [
        {"partition": 0, "stored_offset": 42, "lag_messages": None, "lag_seconds": 1.5},
        {"partition": 1, "stored_offset": 0, "lag_messages": None, "lag_seconds": None},
    ]
    assert answer["rejected_last_hour"] == [{"reason": "malformed", "count": 1}]
    assert answer["as_of"] == "2026-11-01T12:00:00Z"
    assert answer["events_today"] == 0
    assert answer["stores"]["clickhouse"]["bytes"] > 0
    assert answer["stores"]["postgres"]["bytes"] > 0
