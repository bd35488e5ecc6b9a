"""Paths are those that walking along with each person gives."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import clickhouse_connect
import httpx
import pytest

from query_api.analyses.paths import PathsAnswer
from query_api.analyses.tied_instants import FEW
from tests.query_api.analyses.history import UTC_MARCH, Happened, History, generated, happened, store
from tests.query_api.analyses.path_oracle import NOWHERE, Link, Walk, flow, frequent, trimmed, walks
from tests.query_api.conftest import READ_TWO, Stores

pytestmark = pytest.mark.shards_too

RANGE = {"from": "2026-03-27", "to": "2026-04-06"}


async def ask(api: httpx.AsyncClient, key: str | None = None, **question: Any) -> dict[str, Any]:
    """Ask, and hold the answer against the contract and against itself."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    response = await api.post("/analytics/paths", json={"range": RANGE, **question}, headers=headers)
    assert response.status_code == 200, response.text
    PathsAnswer.model_validate_json(response.content)
    answer: dict[str, Any] = response.json()
    people = {node["id"]: node["people"] for node in answer["nodes"]}
    assert len(people) == len(answer["nodes"])
    for link in answer["links"]:
        assert link["people"] <= min(people[link["source"]], people[link["target"]])
    return answer


def tie_breaker(stores: Stores) -> Callable[[Link], int]:
    """Return the number by which the store puts links in order that equally many people take."""
    client = clickhouse_connect.get_client(dsn=stores.clickhouse_url, autogenerate_session_id=False)
    known: dict[Link, int] = {}

    def key(link: Link) -> int:
        if link not in known:
            step, source, target = link
            before = "toUInt64(0)" if source == NOWHERE else "sipHash64({source:String})"
            statement = f"SELECT cityHash64({{step:UInt8}}, {before}, sipHash64({{target:String}}))"
            parameters = {"step": step, "source": source, "target": target}
            known[link] = client.query(statement, parameters=parameters).result_rows[0][0]
        return known[link]

    return key


def all_walks(
    history: History, name: Callable[[Happened], str | None], gap: timedelta, project_id: int = 1
) -> list[Walk]:
    """Return the paths of everybody."""
    return [
        walk
        for person, events in history.by_person(project_id).items()
        for walk in walks(person, events, name, gap)
    ]


def assert_flow(answer: dict[str, Any], found: list[Walk], limit: int, key: Callable[[Link], int]) -> None:
    """Hold an answer against the walks."""
    nodes, links = flow(found, frequent(found, limit, key))
    assert {node["id"]: node["people"] for node in answer["nodes"]} == nodes
    drawn: dict[tuple[str, str], Any] = {
        (link["source"], link["target"]): (link["people"], pytest.approx(link["median_seconds"]))
        for link in answer["links"]
    }
    assert drawn == links


ASKED: list[dict[str, Any]] = [
    {},
    {"depth": 3, "limit": 100},
    {"depth": 2},
    {"from_step": "cart"},
    {"from_step": "cart", "depth": 10, "limit": 5},
    {"to_step": "pay"},
    {"to_step": "pay", "depth": 3, "limit": 7},
    {"from_step": "view", "to_step": "pay"},
    {"from_step": "view", "to_step": "pay", "depth": 2},
    {"from_step": "view", "to_step": "view", "depth": 4, "limit": 100},
    {"from_step": "nobody"},
]


@pytest.mark.parametrize("seed", range(2))
async def test_paths_of_events_are_those_of_brute_force(
    api: httpx.AsyncClient, stores: Stores, seed: int
) -> None:
    """Random histories with ties, repeated rows and merged people: every way to cut paths out of them."""
    history = generated(
        seed,
        count=900,
        start=UTC_MARCH,
        days=2,
        merged=seed == 0,
        names=("view", "cart", "pay", "other", "x y"),
    )
    store(stores.clickhouse_url, history, seed=seed)
    key = tie_breaker(stores)
    for gap, length in (("10m", timedelta(minutes=10)), ("2h", timedelta(hours=2))):
        whole = all_walks(history, lambda event: event.event, length)
        for asked in ASKED:
            answer = await ask(api, gap=gap, **asked)
            cut = [
                trimmed(walk, asked.get("from_step"), asked.get("to_step"), asked.get("depth", 5))
                for walk in whole
            ]
            assert_flow(answer, [walk for walk in cut if walk is not None], asked.get("limit", 20), key)


async def test_paths_by_a_property_pass_over_events_without_it(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    """Steps are values of the property; a filter hides events; the other project has its own paths."""
    history = generated(7, count=900, start=UTC_MARCH, days=2)
    store(stores.clickhouse_url, history)
    key = tie_breaker(stores)
    hour = timedelta(hours=1)

    def page(event: Happened) -> str | None:
        value = event.properties.get("$pathname")
        return value if isinstance(value, str) else None

    answer = await ask(api, by="$pathname", gap="1h", limit=6)
    cut = [trimmed(walk, None, None, 5) for walk in all_walks(history, page, hour)]
    assert_flow(answer, [walk for walk in cut if walk is not None], 6, key)
    other = await ask(api, READ_TWO, by="$pathname", gap="1h", limit=6)
    cut = [trimmed(walk, None, None, 5) for walk in all_walks(history, page, hour, project_id=2)]
    assert_flow(other, [walk for walk in cut if walk is not None], 6, key)
    only = {"match": "all", "filters": [{"property": "$browser", "operator": "=", "value": "Firefox"}]}
    few = await ask(api, by="$pathname", gap="1h", filter=only)
    kept = History(tuple(e for e in history.events if e.context["$browser"] == "Firefox"), history.people)
    cut = [trimmed(walk, None, None, 5) for walk in all_walks(kept, page, hour)]
    assert_flow(few, [walk for walk in cut if walk is not None], 20, key)


@pytest.mark.parametrize("by", ["event", "$pathname"])
@pytest.mark.parametrize("count", [250, 6000])
async def test_many_events_at_one_instant_keep_the_order_of_their_ids(
    api: httpx.AsyncClient, stores: Stores, by: str, count: int
) -> None:
    """Clocks that count whole minutes: few such instants are bound as values, many are searched for again."""
    history = generated(3, count=count, start=UTC_MARCH, days=0.25, names=("a", "b", "$other"))
    told = tuple(
        replace(event, timestamp=event.timestamp.replace(second=0, microsecond=0)) for event in history.events
    )
    history = History(told, history.people)
    instants = Counter((event.distinct_id, event.timestamp) for event in told if event.project_id == 1)
    tied = sum(n > 1 for n in instants.values())
    assert tied > FEW if count == 6000 else 0 < tied < FEW // 2
    store(stores.clickhouse_url, history)

    def name(event: Happened) -> str | None:
        value = event.event if by == "event" else event.properties.get("$pathname")
        return value if isinstance(value, str) else None

    answer = await ask(api, by=by, gap="5m", limit=100)
    cut = [trimmed(walk, None, None, 5) for walk in all_walks(history, name, timedelta(minutes=5))]
    assert_flow(answer, [walk for walk in cut if walk is not None], 100, tie_breaker(stores))


async def test_a_story_that_a_reader_can_check(api: httpx.AsyncClient, stores: Stores) -> None:
    """Repeated names are one step, silence begins a new path, and times are of the first of them."""
    told = [
        *happened(
            "ann",
            ("home", 0),
            ("home", 1),
            ("shop", 3),
            ("pay", 4),
            ("home", 60),
            ("shop", 61),
            start=UTC_MARCH,
        ),
        *happened("bob", ("home", 0), ("pay", 2), start=UTC_MARCH),
    ]
    store(stores.clickhouse_url, History(tuple(told)))
    answer = await ask(api, gap="30m")
    assert {node["id"]: node["people"] for node in answer["nodes"]} == {
        "1:home": 2,
        "2:shop": 1,
        "2:pay": 1,
        "3:pay": 1,
    }
    assert answer["links"] == [
        {"source": "1:home", "target": "2:pay", "people": 1, "median_seconds": 120.0},
        {"source": "1:home", "target": "2:shop", "people": 1, "median_seconds": 120.0},
        {"source": "2:shop", "target": "3:pay", "people": 1, "median_seconds": 60.0},
    ]


async def test_nobody_went_anywhere(api: httpx.AsyncClient, stores: Stores) -> None:
    """Without events there is nothing to draw."""
    store(stores.clickhouse_url, History(()))
    answer = await ask(api)
    assert (answer["nodes"], answer["links"]) == ([], [])


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"depth": 1}, "depth"),
        ({"depth": 11}, "depth"),
        ({"limit": 4}, "limit"),
        ({"gap": "0m"}, "gap"),
        ({"by": ""}, "by"),
        ({"from_step": ""}, "from_step"),
        ({"filter": {"filters": [{"property": "", "operator": "="}]}}, "filter.filters.0.property"),
    ],
)
async def test_a_wrong_question_says_where(
    api: httpx.AsyncClient, question: dict[str, Any], field: str
) -> None:
    """Each refusal names the field."""
    response = await api.post("/analytics/paths", json=question)
    assert response.status_code == 400
    assert response.json()["error"]["field"] == field


async def test_an_unknown_cohort_is_named(api: httpx.AsyncClient) -> None:
    """As wherever a filter stands: a question about nobody's paths is a mistake, not an empty answer."""
    only = {"filters": [{"operator": "not_in_cohort", "value": 4711}]}
    response = await api.post("/analytics/paths", json={"range": RANGE, "filter": only})
    assert response.status_code == 400
    assert response.json() == {
        "error": {
            "code": "invalid_parameter",
            "message": "there is no cohort 4711 in this project; GET cohorts shows those there are",
            "field": "filter",
        }
    }
