"""Dashboards are kept, and shown to whoever has the link: to look at, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.query_api.conftest import READ_TWO, Opening, Stores
from tests.query_api.people.told import Told, store

OTHER = {"authorization": f"Bearer {READ_TWO}"}
RANGE = {"from": "2026-10-01", "to": "2026-10-01"}
FUNNEL = {"range": RANGE, "steps": [{"event": "visit"}, {"event": "buy"}]}
TILES = [
    {"title": "Way", "kind": "funnels", "question": FUNNEL, "width": 2, "chart": None},
    {"title": "Words", "kind": "text", "question": {"text": "Hello"}, "width": 1, "chart": None},
    {"title": "Trend", "kind": "trends", "question": {"range": RANGE, "series": [{"event": "visit"}]}, "width": 4, "chart": "bar"},
]  # fmt: skip


@pytest.fixture(scope="module")
def told(stores: Stores) -> Stores:
    """A few events of two projects."""
    store(
        stores.clickhouse_url,
        [
            Told("visit", "ada", {}, 10, 1),
            Told("buy", "ada", {}, 20, 2),
            Told("visit", "bob", {}, 30, 3),
            *(Told("visit", f"other-{n}", {}, n, 10 + n, 2) for n in range(7)),
        ],
    )
    return stores


@pytest.fixture
async def asks(told: Stores, open_api: Opening) -> AsyncIterator[httpx.AsyncClient]:
    """The API over the events."""
    async with open_api(told) as client:
        yield client


async def kept(asks: httpx.AsyncClient, name: str = "Growth") -> dict[str, Any]:
    """Keep a dashboard."""
    answer = await asks.post("/analytics/dashboards", json={"name": name, "tiles": TILES})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_dashboards_are_kept(asks: httpx.AsyncClient) -> None:
    """Added, listed, read, changed, removed."""
    made = await kept(asks)
    path = f"/analytics/dashboards/{made['dashboard_id']}"
    assert (made["name"], made["tiles"], made["shared"]) == ("Growth", TILES, False)
    assert (await asks.get(path)).json() == made
    assert made in (await asks.get("/analytics/dashboards")).json()["dashboards"]
    changed = (await asks.put(path, json={"name": "New", "tiles": TILES[:1]})).json()
    assert (changed["name"], changed["tiles"]) == ("New", TILES[:1])
    assert (await asks.delete(path)).status_code == 200
    assert (await asks.get(path)).status_code == 404
    assert (await asks.put(path, json={"name": "New"})).status_code == 404


@pytest.mark.parametrize(
    ("tile", "field"),
    [
        ({"kind": "funnels", "question": {"steps": []}}, "tiles.0.question.steps"),
        ({"kind": "funnels", "question": {**FUNNEL, "more": 1}}, "tiles.0.question.more"),
        ({"kind": "other"}, "tiles.0.kind"),
        ({"kind": "text", "width": 5}, "tiles.0.width"),
        ({"kind": "trends", "chart": "cake"}, "tiles.0.chart"),
    ],
)
async def test_tiles_that_cannot_be_answered_are_not_kept(
    asks: httpx.AsyncClient, tile: dict[str, Any], field: str
) -> None:
    """The place that is wrong is named."""
    answer = await asks.post("/analytics/dashboards", json={"name": "X", "tiles": [tile]})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_dashboards_of_others_do_not_exist(asks: httpx.AsyncClient) -> None:
    """Neither looking, changing, sharing nor removing reaches another project's dashboard."""
    path = f"/analytics/dashboards/{(await kept(asks))['dashboard_id']}"
    assert (await asks.get("/analytics/dashboards", headers=OTHER)).json() == {"dashboards": []}
    assert (await asks.get(path, headers=OTHER)).status_code == 404
    assert (await asks.put(path, json={"name": "Stolen"}, headers=OTHER)).status_code == 404
    assert (await asks.post(f"{path}/share", headers=OTHER)).status_code == 404
    token = (await asks.post(f"{path}/share")).json()["token"]
    assert (await asks.delete(f"{path}/share", headers=OTHER)).status_code == 404
    assert (await asks.delete(path, headers=OTHER)).status_code == 404
    assert (await asks.get(f"/analytics/shared/{token}")).status_code == 200
    assert (await asks.get(path)).json()["shared"] is True


async def test_link_shows_a_dashboard_without_a_key(asks: httpx.AsyncClient) -> None:
    """The dashboard, and the answers of its tiles for its project, of another time if wanted."""
    made = await kept(asks)
    token = (await asks.post(f"/analytics/dashboards/{made['dashboard_id']}/share")).json()["token"]
    del asks.headers["authorization"]
    shared = f"/analytics/shared/{token}"
    assert (await asks.get(shared)).json() == {"name": "Growth", "tiles": TILES}
    funnel = (await asks.post(f"{shared}/tiles/0", json={})).json()
    assert [step["count"] for step in funnel["steps"]] == [2, 1]
    assert (await asks.post(f"{shared}/tiles/1")).json() == {"text": "Hello"}
    trend = (await asks.post(f"{shared}/tiles/2", json={})).json()
    assert [series["event"] for series in trend["series"]] == ["visit"]
    earlier = {"range": {"from": "2026-09-01", "to": "2026-09-02"}, "timezone": "Europe/Berlin"}
    funnel = (await asks.post(f"{shared}/tiles/0", json=earlier)).json()
    assert [step["count"] for step in funnel["steps"]] == [0, 0]


async def test_link_opens_nothing_else(asks: httpx.AsyncClient) -> None:
    """No other route takes a token for a key, and a tile's question cannot be changed."""
    made = await kept(asks)
    token = (await asks.post(f"/analytics/dashboards/{made['dashboard_id']}/share")).json()["token"]
    shared = f"/analytics/shared/{token}"
    for headers in ({"authorization": f"Bearer {token}"}, {"smolhog-api-key": token}):
        asks.headers.pop("authorization", None)
        for path in ("stats", "dashboards", "me", "cohorts", "users/ada", "export"):
            assert (await asks.get(f"/analytics/{path}", headers=headers)).status_code == 401
        assert (
            await asks.post("/analytics/sql", json={"query": "select 1"}, headers=headers)
        ).status_code == 401
    assert (await asks.post(f"{shared}/tiles/3")).status_code == 404
    assert (await asks.post(f"{shared}/tiles/-1")).status_code == 400
    for more in ({"steps": FUNNEL["steps"]}, {"filter": None}, {"project_id": 2}):
        assert (await asks.post(f"{shared}/tiles/0", json=more)).status_code == 400
    assert (await asks.put(shared, json={"name": "X"})).status_code == 405
    assert (await asks.delete(shared)).status_code == 405


async def test_link_can_be_taken_back(told: Stores, asks: httpx.AsyncClient) -> None:
    """By taking it back, by making another one, by removing the dashboard; what is stored opens nothing."""
    path = f"/analytics/dashboards/{(await kept(asks))['dashboard_id']}"

    async def share() -> str:
        return str((await asks.post(f"{path}/share")).json()["token"])

    first = await share()
    with psycopg.connect(told.postgres_dsn) as connection:
        assert first not in str(connection.execute("SELECT * FROM shares").fetchall())
    second = await share()
    assert len(second) >= len("sh_s_") + 40
    assert (await asks.get(f"/analytics/shared/{first}")).status_code == 404
    assert (await asks.get(f"/analytics/shared/{second}")).status_code == 200
    assert (await asks.delete(f"{path}/share")).status_code == 200
    assert (await asks.get(f"/analytics/shared/{second}")).status_code == 404
    assert (await asks.delete(f"{path}/share")).status_code == 200
    third = await share()
    assert (await asks.delete(path)).status_code == 200
    assert (await asks.get(f"/analytics/shared/{third}")).status_code == 404
