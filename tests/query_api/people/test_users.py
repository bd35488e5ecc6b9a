"""People in a list, one by one, and with all that they did."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.people.told import Told, identify, learn_people, store

pytestmark = pytest.mark.shards_too

ADA = "ada/ü?#"
EVENTS = [
    Told("visit", "anon-1", {"page": "/"}, 0, 1, session_id="s1"),
    identify(ADA, "anon-1", seconds=10, number=2, session_id="s1"),
    Told("visit", ADA, {"$set": {"email": "Ada@example.org", "age": 36}}, 20, 3, session_id="s2"),
    Told("visit", "bob", {"$set_once": {"plan": "pro"}}, 30, 4),
    Told("buy", "bob", {"n": 1.5}, 40, 5),
    Told("visit", "cyd", {}, 40, 6),
    Told("visit", "secret-two", {"$set": {"email": "two@example.org"}}, 50, 7, 2),
]


@pytest.fixture(scope="module")
def told(stores: Stores) -> Stores:
    """The events, some of them stored twice, and who is who."""
    store(stores.clickhouse_url, EVENTS, EVENTS[:4])
    learn_people(stores.clickhouse_url)
    return stores


@pytest.fixture
async def asks(told: Stores, open_api: Opening) -> AsyncIterator[httpx.AsyncClient]:
    """The API over the events."""
    async with open_api(told) as client:
        yield client


async def test_people_are_listed_by_when_they_were_last_seen(asks: httpx.AsyncClient) -> None:
    """One row for all ids of a person, with what is known, each event counted once."""
    answer = (await asks.post("/analytics/users", json={})).json()
    cyd, bob, ada = answer["users"]
    assert (cyd["person_id"], bob["person_id"]) == ("cyd", "bob")
    assert bob["properties"] == {"plan": "pro"}
    assert ada["distinct_ids"] == [ADA, "anon-1"]
    assert ada["properties"] == {"age": 36, "email": "Ada@example.org"}
    assert ada["events"] == 3
    assert (ada["first_seen"], ada["last_seen"]) == ("2026-10-01T00:00:00Z", "2026-10-01T00:00:20Z")
    assert answer["next"] is None


async def test_pages_follow_each_other(asks: httpx.AsyncClient) -> None:
    """Each person is on one page, also where two were seen at the same time."""
    found, cursor = [], None
    for _ in range(3):
        answer = (await asks.post("/analytics/users", json={"limit": 1, "cursor": cursor})).json()
        found += [user["person_id"] for user in answer["users"]]
        cursor = answer["next"]
    assert found[:2] == ["cyd", "bob"]
    assert len(found) == 3
    assert cursor is None


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ({"search": "ADA@"}, 1),
        ({"search": "anon-"}, 1),
        ({"search": "two@"}, 0),
        ({"search": "36"}, 1),
        ({"filter": {"filters": [{"property": "$event", "operator": "=", "value": "buy"}]}}, 1),
        ({"filter": {"filters": [{"of": "person", "property": "plan", "operator": "is_set"}]}}, 1),
        ({"range": {"from": "2026-10-01T00:00:35Z", "to": "2026-10-01T00:00:45Z"}}, 2),
        ({"range": {"from": "2026-09-01", "to": "2026-09-30"}}, 0),
    ],
)
async def test_people_are_searched(asks: httpx.AsyncClient, question: dict[str, object], found: int) -> None:
    """By id, by what is known, by what they did, by when."""
    answer = await asks.post("/analytics/users", json=question)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["users"]) == found


@pytest.mark.parametrize("cursor", ["x", "1:~%", "1", ":a", "99999999999999999:a"])
async def test_foreign_cursor_is_refused(asks: httpx.AsyncClient, cursor: str) -> None:
    """Whatever is no cursor of ours gets a typed error."""
    answer = await asks.post("/analytics/users", json={"cursor": cursor})
    assert answer.status_code in {400, 404}


async def test_profile(asks: httpx.AsyncClient) -> None:
    """An id of any characters stands in the address; the former id leads to the same person."""
    listed = (await asks.post("/analytics/users", json={})).json()["users"][-1]
    assert listed["person_id"].isascii()
    assert "/" not in listed["person_id"]
    profile = (await asks.get(f"/analytics/users/{listed['person_id']}")).json()
    assert profile["distinct_ids"] == [ADA, "anon-1"]
    assert (profile["events"], profile["sessions"]) == (3, 2)
    assert profile["top_events"] == [{"event": "visit", "count": 2}, {"event": "$identify", "count": 1}]
    assert (await asks.get("/analytics/users/anon-1")).json() == profile
    assert (await asks.get("/analytics/users/nobody")).status_code == 404
    assert (await asks.get("/analytics/users/~%%%")).status_code == 404


async def test_timeline(asks: httpx.AsyncClient) -> None:
    """All events of all ids, newest first, page by page, each once."""
    found, before = [], None
    while True:
        parameters = {"limit": "2"} | ({"before": before} if before else {})
        answer = (await asks.get("/analytics/users/anon-1/events", params=parameters)).json()
        found += answer["events"]
        before = answer["next"]
        if before is None:
            break
    assert [event["event"] for event in found] == ["visit", "$identify", "visit"]
    assert [event["distinct_id"] for event in found] == [ADA, ADA, "anon-1"]
    assert len({event["person_id"] for event in found}) == 1
    assert found[2]["properties"] == {"page": "/"}
    assert found[2]["session_id"] == "s1"


async def test_all_that_is_kept_about_a_person(asks: httpx.AsyncClient) -> None:
    """A line about the person, then one for each event under any of the ids."""
    answer = await asks.get("/analytics/users/anon-1/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="person.jsonl"'
    about, *events = [json.loads(line) for line in answer.text.splitlines()]
    assert about["distinct_ids"] == [ADA, "anon-1"]
    assert about["properties"]["email"] == "Ada@example.org"
    assert sorted(event["event_id"] for event in events) == sorted(str(told.event_id) for told in EVENTS[:3])
    assert {event["person_id"] for event in events} == {ADA}
    assert (await asks.get("/analytics/users/nobody/export")).status_code == 404


async def test_other_projects_people_are_nobody(told: Stores, open_api: Opening) -> None:
    """The same ids mean other people there, and theirs are unknown here."""
    async with open_api(told) as client:
        mine = await client.get("/analytics/users/secret-two")
        client.headers["authorization"] = f"Bearer {READ_TWO}"
        theirs = (await client.post("/analytics/users", json={})).json()["users"]
        for path in ("users/bob", "users/bob/export"):
            assert (await client.get(f"/analytics/{path}")).status_code == 404
        assert (await client.get("/analytics/users/bob/events")).json()["events"] == []
    assert mine.status_code == 404
    assert [user["person_id"] for user in theirs] == ["secret-two"]
