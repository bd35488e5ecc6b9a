"""Who is in a cohort follows from its rules, whatever their order and however they are joined."""

import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.query_api.conftest import NOW, READ_TWO, Opening, Stores
from tests.query_api.people.told import (
    T0,
    Told,
    identify,
    learn_people,
    people_by_force,
    properties_by_force,
    store,
)

_DAY = 86_400
_NOW = int((NOW - T0).total_seconds())


def _events() -> list[Told]:
    chance = random.Random(7)
    events: list[Told] = []
    for n in range(160):
        who = f"u{chance.randrange(14)}"
        properties: dict[str, Any] = {"amount": chance.randrange(100)}
        if chance.random() < 0.2:
            properties["$set"] = {"plan": chance.choice(["free", "pro"])}
        when = _NOW - chance.randrange(20 * _DAY)
        events.append(Told(chance.choice(["visit", "buy"]), who, properties, when, n))
    links = [
        identify("u1", "u2", seconds=_NOW - _DAY, number=900),
        identify("u3", "u9", seconds=_NOW - _DAY, number=901),
    ]
    return events + links + [Told("buy", "else", {}, _NOW - 5, 999, 2)]


EVENTS = _events()
OURS = [event for event in EVENTS if event.project_id == 1]
PEOPLE = people_by_force(OURS)
PROPERTIES = properties_by_force(OURS)


def person(event: Told) -> str:
    """Return whose event it is."""
    return PEOPLE.get(event.distinct_id, event.distinct_id)


EVERYBODY = {person(event) for event in OURS}


def counts(rule: dict[str, Any]) -> dict[str, int]:
    """Count by brute force what a behaviour rule counts."""
    days = timedelta(days=int(rule["within"][:-1]))
    found = dict.fromkeys(EVERYBODY, 0)
    for event in OURS:
        if event.event == rule["selector"]["event"] and NOW - days <= event.timestamp < NOW:
            found[person(event)] += 1
    return found


def members(rule: dict[str, Any]) -> set[str]:
    """Return by brute force of whom a rule is true."""
    if rule["kind"] == "not":
        return EVERYBODY - members(rule["rule"])
    if rule["kind"] == "behaviour":
        number = rule["times"]["count"]
        compare: Callable[[int], bool] = {
            ">=": lambda n: n >= number, "<=": lambda n: n <= number, "=": lambda n: n == number
        }[rule["times"]["operator"]]  # fmt: skip
        return {who for who, n in counts(rule).items() if compare(n)}
    answers = []
    for condition in rule["filter"]["filters"]:
        has = {who for who in EVERYBODY if condition["property"] in PROPERTIES.get(who, {})}
        same = {who for who in has if PROPERTIES[who][condition["property"]] == condition.get("value")}
        answers.append(
            {"=": same, "!=": EVERYBODY - same, "is_set": has, "is_not_set": EVERYBODY - has}[
                condition["operator"]
            ]
        )
    together = set.intersection if rule["filter"].get("match", "all") == "all" else set.union
    return together(*answers)


def did(event: str, operator: str, count: int, within: str = "10d") -> dict[str, Any]:
    """A behaviour rule."""
    return {"kind": "behaviour", "selector": {"event": event}, "times": {"operator": operator, "count": count}, "within": within}  # fmt: skip


def are(operator: str, value: str | None = "pro", match: str = "all") -> dict[str, Any]:
    """A property rule."""
    condition = {"of": "person", "property": "plan", "operator": operator}
    if value is not None:
        condition["value"] = value
    return {"kind": "property", "filter": {"match": match, "filters": [condition]}}


def no(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule turned round."""
    return {"kind": "not", "rule": rule}


RULES = [
    did("buy", ">=", 1), did("buy", ">=", 4, "20d"), did("buy", "<=", 2), did("visit", "=", 0), did("visit", "=", 3),
    did("buy", ">=", 0), did("buy", "<=", 0), are("="), are("!="), are("is_set", None), are("is_not_set", None),
    no(did("buy", ">=", 3)), no(are("=")), no(are("!=", "free")), no(did("visit", "<=", 1)),
]  # fmt: skip


@pytest.fixture(scope="module")
def told(stores: Stores) -> Stores:
    """The events, some of them stored twice, and who is who."""
    store(stores.clickhouse_url, EVENTS, EVENTS[:60])
    learn_people(stores.clickhouse_url)
    return stores


@pytest.fixture
async def asks(told: Stores, open_api: Opening) -> AsyncIterator[httpx.AsyncClient]:
    """The API over the events."""
    async with open_api(told) as client:
        yield client


async def preview(asks: httpx.AsyncClient, definition: dict[str, Any]) -> int:
    """Ask how many there are."""
    answer = await asks.post("/analytics/cohorts/preview", json={"definition": definition})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["people"])


async def test_single_rules(asks: httpx.AsyncClient) -> None:
    """Each rule against brute force over all people, those of whom nothing is known among them."""
    for rule in RULES:
        assert await preview(asks, {"rules": [rule]}) == len(members(rule)), rule


@pytest.mark.parametrize("match", ["all", "any"])
async def test_joined_rules(asks: httpx.AsyncClient, match: str) -> None:
    """Any pair, and some threes."""
    chance = random.Random(match)
    for _ in range(25):
        rules = chance.sample(RULES, chance.choice([2, 2, 3]))
        sets = [members(rule) for rule in rules]
        expected = set.intersection(*sets) if match == "all" else set.union(*sets)
        assert await preview(asks, {"match": match, "rules": rules}) == len(expected), rules


async def test_kept_cohorts(asks: httpx.AsyncClient) -> None:
    """A cohort is kept, listed, changed, used in a filter, and forgotten."""
    rule = did("buy", ">=", 4, "20d")
    definition = {"match": "all", "rules": [rule]}
    made = (await asks.post("/analytics/cohorts", json={"name": "Buyers", "definition": definition})).json()
    number, buyers = made["cohort_id"], members(rule)
    assert made["people"] == len(buyers)
    listed = (await asks.get("/analytics/cohorts")).json()["cohorts"]
    assert made in listed
    assert (await asks.get(f"/analytics/cohorts/{number}")).json() == made
    for operator, expected in (("in_cohort", buyers), ("not_in_cohort", EVERYBODY - buyers)):
        condition = {"operator": operator, "value": number}
        users = await asks.post("/analytics/users", json={"filter": {"filters": [condition]}, "limit": 200})
        assert {user["person_id"] for user in users.json()["users"]} == expected
    changed = await asks.put(
        f"/analytics/cohorts/{number}", json={"name": "All", "definition": {"rules": [did("buy", ">=", 0)]}}
    )
    assert (changed.json()["name"], changed.json()["people"]) == ("All", len(EVERYBODY))
    assert (await asks.delete(f"/analytics/cohorts/{number}")).status_code == 200
    assert (await asks.delete(f"/analytics/cohorts/{number}")).status_code == 404
    gone = await asks.post(
        "/analytics/users", json={"filter": {"filters": [{"operator": "in_cohort", "value": number}]}}
    )
    assert (gone.status_code, gone.json()["error"]["code"]) == (400, "invalid_parameter")


async def test_cohorts_of_others_do_not_exist(asks: httpx.AsyncClient) -> None:
    """Neither looking, changing, forgetting nor filtering reaches another project's cohort."""
    definition = {"rules": [did("buy", ">=", 1)]}
    number = (await asks.post("/analytics/cohorts", json={"name": "Mine", "definition": definition})).json()[
        "cohort_id"
    ]
    other = {"authorization": f"Bearer {READ_TWO}"}
    body = {"name": "Stolen", "definition": definition}
    path = f"/analytics/cohorts/{number}"
    assert (await asks.get(path, headers=other)).status_code == 404
    assert (await asks.put(path, json=body, headers=other)).status_code == 404
    assert (await asks.delete(path, headers=other)).status_code == 404
    assert (await asks.get("/analytics/cohorts", headers=other)).json() == {"cohorts": []}
    asked = {"filter": {"filters": [{"operator": "in_cohort", "value": number}]}}
    assert (await asks.post("/analytics/users", json=asked, headers=other)).status_code == 400
    theirs = await asks.post("/analytics/cohorts/preview", json={"definition": definition}, headers=other)
    assert theirs.json()["people"] == 1
    assert (await asks.get(path)).json()["name"] == "Mine"


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"rules": []}, "definition.rules"),
        ({"rules": [{"kind": "other"}]}, "definition.rules.0"),
        ({"rules": [{"kind": "property", "filter": {"filters": [{"property": "a", "operator": "is_set"}]}}]}, "definition.rules.0.filter"),
        ({"rules": [did("buy", ">", 1)]}, "definition.rules.0.times.operator"),
        ({"rules": [did("buy", ">=", -1)]}, "definition.rules.0.times.count"),
        ({"rules": [did("buy", ">=", 1, "ever")]}, "definition.rules.0.within"),
        ({"rules": [no(no(did("buy", ">=", 1)))]}, "definition.rules.0.rule"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(
    asks: httpx.AsyncClient, definition: dict[str, Any], field: str
) -> None:
    """A rule that makes no sense gets a typed error with its place."""
    answer = await asks.post("/analytics/cohorts/preview", json={"definition": definition})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
