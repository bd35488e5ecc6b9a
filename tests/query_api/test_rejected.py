"""Rejected events of a project, newest first, page by page, with all that came."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from query_api.models import RejectedAnswer
from tests.query_api.conftest import READ_TWO, Stores

START = datetime(2026, 10, 30, tzinfo=UTC)
PAYLOADS = [b'{"event":"a"}', b"\xff\x00 not text", "é😀".encode(), b""]
# number -> project, reason, arrival, payload
STORED = {
    number: (
        number % 2 + 1,
        ["malformed", "nul_character"][number % 3 == 0],
        START + timedelta(hours=number),
        PAYLOADS[number % 4],
    )
    for number in range(60)
}
_INSERT = """
INSERT INTO rejected_events (
    log_id, log_partition, log_offset, log_index, project_id, received_at, event_id, reason, message, payload,
    source, rejected_by
) VALUES (7, 0, %s, 0, %s, %s, NULL, %s, %s, %s, 'ws.v1', 'gateway')
"""


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """All of them, and one of which nobody knows whose it is."""
    with psycopg.connect(stores.postgres_dsn) as connection, connection.cursor() as cursor:
        for number, (project, reason, arrival, payload) in STORED.items():
            cursor.execute(_INSERT, [number, project, arrival, reason, str(number), payload])
        cursor.execute(_INSERT, [99, None, None, "malformed", "99", b"?"])


async def numbers(api: httpx.AsyncClient, **parameters: Any) -> list[int]:
    """Follow `next` to the end; returns what each event's message says."""
    found: list[int] = []
    while True:
        response = await api.get("/analytics/rejected", params=parameters)
        assert response.status_code == 200, response.text
        RejectedAnswer.model_validate_json(response.content)
        answer = response.json()
        found += [int(event["message"]) for event in answer["rejected"]]
        if answer["next"] is None:
            return found
        parameters["before"] = answer["next"]


def mine(project: int) -> list[int]:
    """Numbers of a project's rejected events, newest first."""
    return [number for number in reversed(STORED) if STORED[number][0] == project]


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_pages_hold_each_of_the_project_s_events_once(api: httpx.AsyncClient, limit: int) -> None:
    """Whatever the size of a page."""
    assert await numbers(api, limit=limit) == mine(1)


async def test_another_project_sees_its_own_only(api: httpx.AsyncClient) -> None:
    """Also with a cursor of the first one; what is nobody's is in no answer."""
    cursor = (await api.get("/analytics/rejected", params={"limit": 5})).json()["next"]
    api.headers["authorization"] = f"Bearer {READ_TWO}"
    assert await numbers(api) == mine(2)
    assert set(await numbers(api, before=cursor)) < set(mine(2))


async def test_filters_narrow_down(api: httpx.AsyncClient) -> None:
    """By reason, and by the time of arrival."""
    assert await numbers(api, reason="nul_character") == [n for n in mine(1) if n % 3 == 0]
    asked = {"from": "2026-10-30T10:00:00Z", "to": "2026-10-30T20:00:00Z"}
    assert await numbers(api, **asked) == [n for n in mine(1) if 10 <= n < 20]
    assert await numbers(api, to="2026-10-30") == [n for n in mine(1) if n < 24]


async def test_payloads_come_as_text_and_lose_nothing(api: httpx.AsyncClient) -> None:
    """Bytes that are no text come in base64 as well."""
    events = (await api.get("/analytics/rejected", params={"limit": 100})).json()["rejected"]
    for event in events:
        payload = STORED[int(event["message"])][3]
        assert event["payload"] == payload.decode(errors="replace")
        if event["payload_base64"] is None:
            assert event["payload"].encode() == payload
        else:
            assert b64decode(event["payload_base64"]) == payload
    api.headers["authorization"] = f"Bearer {READ_TWO}"
    events = (await api.get("/analytics/rejected", params={"limit": 100})).json()["rejected"]
    assert any(event["payload_base64"] for event in events)
