"""The catalogue lists what the events hold."""

from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sinks.clickhouse.connect import connect
from tests.query_api.conftest import NOW, READ_TWO, Stores
from tests.query_api.stored import Stored, write

pytestmark = pytest.mark.shards_too


def generated() -> list[Stored]:
    """Events of the last days of two projects, and old ones."""
    events = []
    for number in range(400):
        project = 1 if number % 4 else 2
        properties: dict[str, Any] = {
            "plan": ["free", "pro"][number % 2],
            "amount": number % 3,
            "trial": number % 5 == 0,
        }
        if number % 10 == 1:
            properties = {"plan": 5, "nested": {"a": 1}, "empty": None}
        if number % 3 == 0:
            properties["$groups"] = {"company": ["acme", "initech"][number % 2]}
        events.append(
            Stored(
                project,
                "page" if number % 7 else "rare 100%",
                f"user-{number % 9}",
                NOW - timedelta(hours=1, minutes=number % 600),
                properties,
                {"$browser": ["Firefox", "Chrome"][number % 3 == 0]},
                session_id=f"s{number % 9}",
            )
        )
    events.append(Stored(1, "old", "user-1", NOW - timedelta(days=40), {"gone": "x"}))
    return [*events, Stored(2, "secret", "user-1", NOW - timedelta(hours=1), {"hidden": "secret"})]


EVENTS = generated()
MINE = [event for event in EVENTS if event.project_id == 1 and event.event != "old"]


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """Both projects' events, and a property of a person."""
    write(stores.clickhouse_url, EVENTS)
    settings = [
        Stored(1, "$set", f"user-{number}", NOW - timedelta(days=35), {"$set": {"tier": tier, "age": number}})
        for number, tier in enumerate(["gold", "gold", "basic"])
    ]
    write(stores.clickhouse_url, settings, rollups=False, seed=2)
    said = [
        (1, "company", "acme", {"plan": "free", "size": 3}),
        (1, "company", "acme", {"plan": "pro"}),
        (1, "company", "globex", {"plan": "pro", "gone": None}),
        (1, "it's a team", "red", {"plan": 5}),
        (1, "x" * 201, "long", {"plan": "pro"}),
        (2, "company", "secret", {"hidden": "secret"}),
        (2, "secret", "secret", {"hidden": "secret"}),
    ]
    groups = [
        Stored(
            project,
            "$groupidentify",
            "user-1",
            NOW - timedelta(days=35) + timedelta(minutes=number),
            {"$group_type": kind, "$group_key": key, "$group_set": properties},
        )
        for number, (project, kind, key, properties) in enumerate(said)
    ]
    write(stores.clickhouse_url, groups, rollups=False, seed=3)


async def ask(api: httpx.AsyncClient, name: str, **parameters: Any) -> dict[str, Any]:
    """Ask for a part of the catalogue."""
    response = await api.get(f"/analytics/catalogue/{name}", params=parameters)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_events_of_the_last_30_days_with_their_last_minute(api: httpx.AsyncClient) -> None:
    """The most frequent first; what is older is not there, nor what another project sent."""
    answer = await ask(api, "events")
    counts = Counter(event.event for event in MINE)
    assert [(row["event"], row["count"]) for row in answer["events"]] == counts.most_common()
    last = max(event.timestamp for event in MINE if event.event == "page")
    assert answer["events"][0]["last_seen"] == last.replace(second=0).isoformat().replace("+00:00", "Z")
    assert answer["exactness"] == "exact"
    found = await ask(api, "events", search="RARE 100%", limit=1)
    assert [row["event"] for row in found["events"]] == ["rare 100%"]


async def test_properties_have_a_kind_and_a_count(api: httpx.AsyncClient) -> None:
    """Of a sample which is everything here; null is no value, and what came in two kinds is mixed."""
    answer = await ask(api, "properties")
    expected = Counter(
        name
        for event in MINE
        for name, value in {**event.context, **event.properties}.items()
        if value is not None
    )
    # Rows that came twice are in the sample twice.
    assert {row["property"]: row["count"] for row in answer["properties"]} == pytest.approx(expected, rel=0.3)
    kinds = {row["property"]: row["kind"] for row in answer["properties"]}
    assert kinds == {
        "$browser": "text",
        "plan": "mixed",
        "amount": "number",
        "trial": "boolean",
        "nested": "mixed",
        "$groups": "mixed",
    }
    of_one = await ask(api, "properties", event="rare 100%", search="AM")
    assert [row["property"] for row in of_one["properties"]] == ["amount"]
    having = [event for event in MINE if event.event == "rare 100%" and "amount" in event.properties]
    assert of_one["properties"][0]["count"] == pytest.approx(len(having), rel=0.3)


async def test_values_come_from_rollups_and_numbers_from_a_sample(api: httpx.AsyncClient) -> None:
    """Texts are counted exactly, numbers in the newest day of each event."""
    answer = await ask(api, "values", property="$browser")
    expected = Counter(event.context["$browser"] for event in MINE)
    assert [(row["value"], row["count"]) for row in answer["values"]] == expected.most_common()
    assert (answer["source"], answer["exactness"]) == ("rollup_hour", "exact")
    numbers = await ask(api, "values", property="amount", event="page")
    newest = max(event.timestamp.date() for event in MINE if event.event == "page")
    amounts = Counter(
        str(event.properties["amount"])
        for event in MINE
        if event.event == "page" and "amount" in event.properties and event.timestamp.date() == newest
    )
    # Rows that came twice are in the sample twice.
    assert {row["value"] for row in numbers["values"]} == set(amounts)
    assert (numbers["source"], numbers["exactness"]) == ("events", "approximate")
    searched = await ask(api, "values", property="$browser", search="FIRE", event="page")
    assert [row["value"] for row in searched["values"]] == ["Firefox"]
    events = await ask(api, "values", property="$event")
    assert [row["value"] for row in events["values"]] == ["page", "rare 100%"]
    ids = await ask(api, "values", property="$distinct_id", limit=1000)
    assert {row["value"] for row in ids["values"]} <= {event.distinct_id for event in MINE}
    assert (await ask(api, "values", property="nobody has this"))["values"] == []


async def test_properties_of_people_and_sessions(api: httpx.AsyncClient) -> None:
    """Counted by person and by session."""
    people = await ask(api, "properties", of="person")
    assert [(row["property"], row["kind"], row["count"]) for row in people["properties"]] == [
        ("age", "number", 3),
        ("tier", "text", 3),
    ]
    tiers = await ask(api, "values", property="tier", of="person")
    assert [(row["value"], row["count"]) for row in tiers["values"]] == [("gold", 2), ("basic", 1)]
    sessions = await ask(api, "properties", of="session")
    assert {row["property"] for row in sessions["properties"]} == {"duration", "events", "entry", "exit"}
    entries = await ask(api, "values", property="entry", of="session")
    assert sum(row["count"] for row in entries["values"]) == len({event.session_id for event in MINE})
    response = await api.get("/analytics/catalogue/values?of=session&property=colour")
    assert response.json()["error"]["field"] == "property"


async def test_groups_have_types_properties_and_keys(api: httpx.AsyncClient) -> None:
    """Of groups that something was said of, whenever, and of those that events name."""
    types = await ask(api, "groups")
    assert [(row["type"], row["of"], row["count"]) for row in types["groups"]] == [
        ("company", "group:company", 3),
        ("it's a team", "group:it's a team", 1),
    ]
    assert [row["type"] for row in (await ask(api, "groups", search="TEAM"))["groups"]] == ["it's a team"]
    found = await ask(api, "properties", of="group:company")
    assert [(row["property"], row["of"], row["kind"], row["count"]) for row in found["properties"]] == [
        ("plan", "group:company", "text", 2),
        ("size", "group:company", "number", 1),
    ]
    plans = await ask(api, "values", property="plan", of="group:company")
    assert [(row["value"], row["count"]) for row in plans["values"]] == [("pro", 2)]
    keys = (await ask(api, "values", property="$group_key", of="group:company"))["values"]
    assert {row["value"] for row in keys} == {"acme", "initech", "globex"}
    # Nothing happened for it, but something is known.
    assert (keys[-1]["value"], keys[-1]["count"]) == ("globex", 0)
    searched = await ask(api, "values", property="$group_key", of="group:company", search="INI", event="page")
    assert [row["value"] for row in searched["values"]] == ["initech"]
    never = await ask(api, "values", property="$group_key", of="group:company", event="nothing")
    assert [(row["value"], row["count"]) for row in never["values"]] == [("acme", 0), ("globex", 0)]
    for of in ("group:", "groups"):
        response = await api.get("/analytics/catalogue/properties", params={"of": of})
        assert response.json()["error"]["field"] == "of"


async def test_each_project_has_its_own(api: httpx.AsyncClient) -> None:
    """Names and values of another project never show, those of the key's do."""
    paths = (
        "events",
        "properties",
        "values?property=hidden",
        "properties?of=person",
        "values?of=person&property=tier",
        "groups",
        "properties?of=group:company",
        "values?of=group:company&property=$group_key",
    )
    for path in paths:
        text = (await api.get(f"/analytics/catalogue/{path}")).text
        assert "secret" not in text
        assert "hidden" not in text
    api.headers["authorization"] = f"Bearer {READ_TWO}"
    assert [await_["value"] for await_ in (await ask(api, "values", property="hidden"))["values"]] == [
        "secret"
    ]
    assert (await ask(api, "values", property="tier", of="person"))["values"] == []


@pytest.mark.parametrize(
    "hostile", ["' OR 1=1 --", "{project_id:UInt32}", "\\'); DROP TABLE events; --", "%_", "\\"]
)
async def test_text_is_never_part_of_a_statement(
    api: httpx.AsyncClient, stores: Stores, hostile: str
) -> None:
    """Whatever is searched for, there is nothing of that name."""
    assert (await ask(api, "groups", search=hostile))["groups"] == []
    for of in ("event", "person", f"group:{hostile}"):
        assert (await ask(api, "values", property=hostile, event=hostile, search=hostile, of=of))[
            "values"
        ] == []
        assert (await ask(api, "properties", event=hostile, search=hostile, of=of))["properties"] == []
    assert (await ask(api, "events", search=hostile))["events"] == []
    with connect(stores.clickhouse_url) as client:
        assert client.query("SELECT count() FROM events").result_rows[0][0] > len(EVENTS)
