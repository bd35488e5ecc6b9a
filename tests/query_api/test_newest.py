"""The newest events, newest first, page by page."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from query_api.columns import Columns
from query_api.models import EventsAnswer
from query_api.newest_reach import NewestReach, Reach
from query_api.sql import NEWEST_OF_FEW
from sinks.clickhouse.connect import connect
from tests.fixtures_clickhouse import kept
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.stored import Stored, write

pytestmark = pytest.mark.shards_too

START = datetime(2026, 2, 27, tzinfo=UTC)
_chance = random.Random(3)
# A dense last hour and a thin tail over months; some events at the same instant.
EVENTS = [
    Stored(
        project_id=_chance.choice([1, 1, 2]),
        event=_chance.choice(["page", "click"]),
        distinct_id=f"user-{number % 7}",
        timestamp=START
        - (
            timedelta(seconds=_chance.randint(0, 300))
            if number % 3
            else timedelta(days=number / 4, microseconds=number)
        ),
        properties={"n": number, "nested": {"tags": ["ü", None, 1.5]}, "quote": "it's"},
        context={"$browser": "Firefox"},
        session_id="s1" if number % 2 else "",
    )
    for number in range(700)
]


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """All events, half of them twice."""
    write(stores.clickhouse_url, EVENTS)


async def pages(api: httpx.AsyncClient, limit: int) -> list[list[dict[str, Any]]]:
    """Follow `next` to the end."""
    found: list[list[dict[str, Any]]] = []
    parameters: dict[str, Any] = {"limit": limit}
    while True:
        response = await api.get("/analytics/events", params=parameters)
        assert response.status_code == 200, response.text
        EventsAnswer.model_validate_json(response.content)
        answer = response.json()
        found.append(answer["events"])
        if answer["next"] is None:
            return found
        parameters["before"] = answer["next"]


@pytest.mark.parametrize("path", ["/analytics/events", "/api/analytics/events"])
async def test_the_newest_events_come_first_in_the_first_sdk_s_shape(
    api: httpx.AsyncClient, path: str
) -> None:
    """100 events unless told otherwise, with the fields that SmolHog's first SDK knows."""
    answer = (await api.get(path)).json()
    mine = sorted((event for event in EVENTS if event.project_id == 1), key=lambda event: event.timestamp)
    assert len(answer["events"]) == 100
    times = [datetime.fromisoformat(event["timestamp"]) for event in answer["events"]]
    assert times == sorted((event.timestamp for event in mine), reverse=True)[:100]
    first = answer["events"][0]
    assert list(first) == ["event_name", "user_id", "properties", "timestamp", "session_id"]
    original = EVENTS[first["properties"]["n"]]
    assert first["properties"] == original.properties
    assert first["event_name"] == original.event
    assert first["user_id"] == original.distinct_id
    assert first["session_id"] == (original.session_id or None)


@pytest.mark.parametrize("limit", [1000, 97])
async def test_pages_hold_every_event_once(api: httpx.AsyncClient, limit: int) -> None:
    """Following `next` meets each event of the project once, also those of one instant."""
    found = await pages(api, limit)
    assert all(len(page) == limit for page in found[:-1])
    numbers = [event["properties"]["n"] for page in found for event in page]
    assert sorted(numbers) == [n for n, event in enumerate(EVENTS) if event.project_id == 1]
    times = [event["timestamp"] for page in found for event in page]
    assert times == sorted(times, reverse=True)


async def test_one_event_a_page_works_too(api: httpx.AsyncClient) -> None:
    """The smallest page is one event, and the next goes on after it."""
    first = (await api.get("/analytics/events", params={"limit": 1})).json()
    second = (await api.get("/analytics/events", params={"limit": 1, "before": first["next"]})).json()
    two = (await api.get("/analytics/events", params={"limit": 2})).json()
    assert first["events"] + second["events"] == two["events"]


async def test_another_project_has_pages_of_its_own(api: httpx.AsyncClient) -> None:
    """A key sees its project's events only, also with another project's cursor."""
    cursor = (await api.get("/analytics/events", params={"limit": 5})).json()["next"]
    api.headers["authorization"] = f"Bearer {READ_TWO}"
    found = [event["properties"]["n"] for page in await pages(api, 1000) for event in page]
    assert sorted(found) == [n for n, event in enumerate(EVENTS) if event.project_id == 2]
    after = (await api.get("/analytics/events", params={"before": cursor})).json()["events"]
    assert all(EVENTS[event["properties"]["n"]].project_id == 2 for event in after)


async def test_events_are_found_that_no_rollup_knows_of(stores: Stores, open_api: Opening) -> None:
    """The rollup says where to look first; events that it has not counted yet are found all the same."""
    late = [
        Stored(40, "late", "u", START + timedelta(days=days), {"n": days}) for days in (-900, -3, 0, 1, 2)
    ]
    write(stores.clickhouse_url, late, rollups=False)
    counted = [Stored(40, "counted", "u", START, {"n": 99})]
    write(stores.clickhouse_url, counted, seed=9)
    async with open_api(stores, project_id=40) as api:
        events = (await api.get("/analytics/events")).json()["events"]
    assert [event["properties"]["n"] for event in events if event["event_name"] == "late"] == [
        2,
        1,
        0,
        -3,
        -900,
    ]
    assert len(events) == 6


async def test_who_asks_again_gets_what_is_the_newest_then(
    stores: Stores, open_api: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last answer tells how far back to look, whatever has come or gone since; and saves a statement."""
    asked: list[str] = []
    rows = Columns.rows

    async def counted(self: Columns, statement: str, parameters: dict[str, Any], row: type[Any]) -> list[Any]:
        asked.append(statement)
        return await rows(self, statement, parameters, row)

    def happen(*minutes: int) -> None:
        written = [Stored(42, "e", "u", START + timedelta(minutes=each), {"n": each}) for each in minutes]
        write(stores.clickhouse_url, written)

    monkeypatch.setattr(Columns, "rows", counted)
    async with open_api(stores, project_id=42) as api:

        async def newest() -> list[int]:
            asked.clear()
            answer = (await api.get("/analytics/events", params={"limit": 5})).json()
            return [event["properties"]["n"] for event in answer["events"]]

        happen(*range(0, 60, 2))
        assert await newest() == [58, 56, 54, 52, 50]
        assert len(asked) > 1
        happen(53, 61, 62)
        assert await newest() == [62, 61, 58, 56, 54]
        assert len(asked) == 1
        with connect(stores.clickhouse_url) as client:
            client.command(
                f"DELETE FROM {kept(client, 'events')} WHERE project_id = 42 AND timestamp >= {{since:DateTime64(6)}}",
                parameters={"since": START + timedelta(minutes=56)},
            )
        assert await newest() == [54, 53, 52, 50, 48]
        happen(63)
        assert await newest() == [63, 54, 53, 52, 50]
        assert asked == [NEWEST_OF_FEW]


def test_an_old_answer_tells_nothing() -> None:
    """By then more may have arrived than is quickly looked through."""
    reach = NewestReach()
    reach.learn(1, 5, START, 99, 77)
    assert reach.known(1, 5, START + timedelta(seconds=59)) == Reach(77, is_slow=False)
    assert reach.known(1, 5, START + timedelta(seconds=60)) is None
    assert reach.known(1, 6, START) is None
    assert reach.known(2, 5, START) is None


def test_two_answers_tell_whether_much_comes_between_them() -> None:
    """What both hold shows that there is little; rows after it are then read whole, without a look first."""
    reach = NewestReach()
    for second, (newest, last, is_slow) in enumerate(
        [(9, 5, False), (12, 8, True), (99, 80, False), (99, 80, True)]
    ):
        now = START + timedelta(seconds=second)
        reach.learn(1, 5, now, newest, last)
        assert reach.known(1, 5, now) == Reach(last, is_slow)
    reach.learn(1, 5, START + timedelta(minutes=5), 99, 80)
    assert reach.known(1, 5, START + timedelta(minutes=5)) == Reach(80, is_slow=False)


async def test_an_empty_project_has_no_events(stores: Stores, open_api: Opening) -> None:
    """No events is an empty list and no next page."""
    async with open_api(stores, project_id=41) as api:
        answer = (await api.get("/analytics/events")).json()
    assert answer == {"events": [], "next": None, "as_of": None}


@pytest.mark.parametrize(
    "before", ["x", "5", "1.2", "99999999999999999.0190a6e0-7c1d-7000-8000-0123456789ab", "'; --"]
)
async def test_a_foreign_cursor_is_refused(api: httpx.AsyncClient, before: str) -> None:
    """`before` takes nothing but what `next` gave."""
    response = await api.get("/analytics/events", params={"before": before})
    assert response.status_code == 400
    assert response.json()["error"]["field"] == "before"
