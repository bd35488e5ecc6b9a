"""Events as files: all that were asked for, once, in three forms, without holding them in memory."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from query_api.downloads import MAX_DOWNLOADS
from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.people.told import Told, identify, learn_people, store

pytestmark = pytest.mark.shards_too

ODD = 'a "quoted", line\nbreak\tand\\slash — ü'
FORMULAS = ["=1+1", "+4912345", "-5", "@SUM(A1)", "\t=1", "\r=1"]
EVENTS = [
    Told("visit", "anon", {"text": ODD}, 0, 1, session_id="s1"),
    identify("ada", "anon", seconds=1, number=2),
    *(Told("=pay", who, {}, 200 + n, 200 + n) for n, who in enumerate(FORMULAS)),
    *(Told("buy", "bob", {"n": n}, 10 + n, 10 + n) for n in range(50)),
]
THEIRS = [Told("buy", "secret", {}, 5, 1000, 2)]
RANGE = {"from": "2026-10-01", "to": "2026-10-01"}


@pytest.fixture(scope="module")
def told(stores: Stores) -> Stores:
    """The events, some of them stored twice."""
    store(stores.clickhouse_url, EVENTS + THEIRS, EVENTS[:20])
    learn_people(stores.clickhouse_url)
    return stores


@pytest.fixture
async def asks(told: Stores, open_api: Opening) -> AsyncIterator[httpx.AsyncClient]:
    """The API over the events."""
    async with open_api(told) as client:
        yield client


async def exported(asks: httpx.AsyncClient, **question: Any) -> httpx.Response:
    """Ask for a file."""
    answer = await asks.post("/analytics/export", json={"range": RANGE, **question})
    assert answer.status_code == 200, answer.text
    return answer


async def test_csv(asks: httpx.AsyncClient) -> None:
    """Any CSV reader gets every value back as it was."""
    answer = await exported(asks)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="events.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert sorted(row["event_id"] for row in rows) == sorted(str(event.event_id) for event in EVENTS)
    (visit,) = [row for row in rows if row["event"] == "visit"]
    assert json.loads(visit["properties"]) == {"text": ODD}
    assert (visit["person_id"], visit["distinct_id"], visit["session_id"]) == ("ada", "anon", "s1")


async def test_no_text_in_csv_is_a_formula_unless_asked_for(asks: httpx.AsyncClient) -> None:
    """An apostrophe stands before what a spreadsheet would run; programs get everything as it was sent."""
    more: dict[str, str]
    for more, sign in (({}, "'"), ({"formulas": "keep"}, "")):
        answer = await exported(asks, events=["=pay"], **more)
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert {row["event"] for row in rows} == {f"{sign}=pay"}
        assert sorted(row["distinct_id"] for row in rows) == sorted(sign + who for who in FORMULAS)
        assert [row["person_id"] for row in rows] == [row["distinct_id"] for row in rows]
    address = "/analytics/export?from=2026-10-01&to=2026-10-01&event=%3Dpay&formulas="
    kept, guarded = await asks.get(f"{address}keep"), await asks.get(f"{address}text")
    assert "'=pay" not in kept.text
    assert guarded.text.count("'=pay") == len(FORMULAS)
    assert (await exported(asks, events=["=pay"], format="jsonl")).text.count('"=pay"') == len(FORMULAS)


async def test_json_lines(asks: httpx.AsyncClient) -> None:
    """A JSON object a line, with properties as an object."""
    answer = await exported(asks, format="jsonl")
    rows = [json.loads(line) for line in answer.text.split("\n") if line]
    assert len(rows) == len(EVENTS)
    (visit,) = [row for row in rows if row["event"] == "visit"]
    assert visit["properties"] == {"text": ODD}
    assert visit["timestamp"] == "2026-10-01T00:00:00.000000Z"
    assert {row["session_id"] for row in rows} == {"s1", None}


async def test_parquet(asks: httpx.AsyncClient) -> None:
    """A whole Parquet file."""
    body = (await exported(asks, format="parquet")).content
    assert body[:4] == body[-4:] == b"PAR1"


async def test_questions_choose(asks: httpx.AsyncClient) -> None:
    """By name, by filter, by time; also in an address alone."""
    large = {"filters": [{"property": "n", "operator": ">=", "value": 40}]}
    assert len((await exported(asks, filter=large)).text.splitlines()) == 11
    assert len((await exported(asks, events=["visit", "$identify"], format="jsonl")).text.splitlines()) == 2
    none = await exported(asks, range={"from": "2026-09-01", "to": "2026-09-02"})
    assert none.text.splitlines()[1:] == []
    parameters = {"from": "2026-10-01", "to": "2026-10-01", "format": "jsonl", "event": "visit"}
    assert len((await asks.get("/analytics/export", params=parameters)).text.splitlines()) == 1


async def test_files_hold_one_project(asks: httpx.AsyncClient) -> None:
    """Each key's own events."""
    assert "secret" not in (await exported(asks)).text
    theirs = await asks.post(
        "/analytics/export", json={"range": RANGE}, headers={"authorization": f"Bearer {READ_TWO}"}
    )
    assert len(theirs.text.splitlines()) == 2


@pytest.mark.parametrize(
    "question", [{"format": "xml"}, {"range": {"from": "x"}}, {"more": 1}, {"timezone": "Mars"}]
)
async def test_what_is_wrong_is_said(asks: httpx.AsyncClient, question: dict[str, Any]) -> None:
    """Before anything of a file was sent."""
    answer = await asks.post("/analytics/export", json=question)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_parameter")


async def test_turns_come_back(asks: httpx.AsyncClient) -> None:
    """However many files were asked for and broken off, there is room for the next one."""
    for _ in range(2 * MAX_DOWNLOADS):
        await exported(asks, format="jsonl")
        assert (await asks.post("/analytics/export", json={"range": {"from": "x"}})).status_code == 400
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await exported(asks)
    await exported(asks)
