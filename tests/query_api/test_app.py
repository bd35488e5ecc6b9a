"""Keys, errors, health and the documents of the API."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from query_api.columns import QueryLimits
from query_api.models import ErrorAnswer
from query_api.routes import ROUTES
from tests.query_api.conftest import READ_ONE, WRITE_ONE, Opening, Stores
from tests.query_api.stored import Stored, write

QUESTIONS = [
    "/analytics/stats",
    "/api/analytics/stats",
    "/analytics/events",
    "/api/analytics/events",
    "/analytics/trends",
    "/api/analytics/trends",
    "/analytics/rejected",
    "/api/analytics/rejected",
]
HOSTILE = [
    "' OR 1=1 --",
    "'; DROP TABLE events; --",
    "\\'; SELECT 1 --",
    "{project_id:UInt32}",
    "page') OR project_id IN (1, 2) OR event IN ('",
    "%(events)s",
    "[1,2]",
    "a\\nb\tc\\",
    "😀\u2028'\"`",
    "NULL",
]


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the typed error of a response, held against the contract."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    ErrorAnswer.model_validate_json(response.content)
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.mark.parametrize("path", QUESTIONS)
async def test_only_read_keys_open_anything(api: httpx.AsyncClient, path: str) -> None:
    """A read key works in both headers; a write key is 403 and says why; anything else is 401."""
    assert (await api.get(path)).status_code == 200
    del api.headers["authorization"]
    assert (await api.get(path, headers={"smolhog-api-key": READ_ONE})).status_code == 200
    for headers in ({"smolhog-api-key": WRITE_ONE}, {"authorization": f"Bearer {WRITE_ONE}"}):
        error = error_of(await api.get(path, headers=headers), 403)
        assert error["code"] == "write_key_given"
        assert "read key" in error["message"]
    refused: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer sh_r_unknown"},
        {"authorization": "Basic c2hfcl9vbmU6"},
        {"authorization": "Bearer "},
        {"smolhog-api-key": "nobody's"},
    ]
    for headers in refused:
        response = await api.get(path, headers=headers)
        assert error_of(response, 401)["code"] == "unauthorized"
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/analytics/stats", "limit=5", "limit"),
        ("/analytics/events", "limit=0", "limit"),
        ("/analytics/events", "limit=1001", "limit"),
        ("/analytics/events", "limit=many", "limit"),
        ("/analytics/events", "limit=99999999999999999999999", "limit"),
        ("/analytics/events", "limit=1&limit=2", "limit"),
        ("/analytics/events", "offset=5", "offset"),
        ("/analytics/rejected", "limit=101", "limit"),
        ("/analytics/rejected", "reason=ugly", "reason"),
        ("/analytics/rejected", "before=x", "before"),
        ("/analytics/rejected", "from=soon", "from"),
        ("/analytics/rejected", "from=2026-01-02&to=2026-01-01", "from"),
        ("/analytics/rejected", "project_id=2", "project_id"),
        ("/analytics/trends", "interval=week", "interval"),
        ("/analytics/trends", "measure=clicks", "measure"),
        ("/analytics/trends", "from=2026-01-02&to=2026-01-01", "from"),
        ("/analytics/trends", "from=now&to=now", "from"),
        ("/analytics/trends", "from=soon", "from"),
        ("/analytics/trends", "to=2026-01-01T00:00:00", "to"),
        ("/analytics/trends", "timezone=Mars/Olympus", "timezone"),
        ("/analytics/trends", "timezone=../../etc/passwd", "timezone"),
        ("/analytics/trends", "breakdown=", "breakdown"),
        ("/analytics/trends", "breakdown=" + "x" * 201, "breakdown"),
        ("/analytics/trends", "breakdown=%00", "breakdown"),
        ("/analytics/trends", "breakdown_limit=0", "breakdown_limit"),
        ("/analytics/trends", "breakdown_limit=101", "breakdown_limit"),
        ("/analytics/trends", "&".join(["event=a"] * 21), "event"),
        ("/analytics/trends", "event=a%00b", "event"),
        ("/analytics/trends", "from_=-7d", "from_"),
        ("/analytics/trends", "Interval=day", "Interval"),
        ("/analytics/trends", "project_id=2", "project_id"),
        ("/analytics/trends", "from=-7d&interval=minute", "interval"),
        ("/analytics/trends", "from=1970-01-01&interval=minute", "interval"),
        ("/analytics/trends", "from=-6d&interval=minute&breakdown=x&breakdown_limit=9", "interval"),
    ],
)
async def test_bad_input_is_named(api: httpx.AsyncClient, path: str, query: str, field: str) -> None:
    """Every mistake is a 400 that names the parameter."""
    error = error_of(await api.get(f"{path}?{query}"), 400)
    assert (error["code"], error["field"]) == ("invalid_parameter", field)
    assert len(error["message"]) > 15


async def test_too_many_points_says_what_to_change(api: httpx.AsyncClient) -> None:
    """The advice names a coarser interval."""
    response = await api.get("/analytics/trends?from=-60d&interval=minute")
    assert "interval=hour" in error_of(response, 400)["message"]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_text_of_a_question_is_never_part_of_a_statement(
    stores: Stores, api: httpx.AsyncClient, hostile: str
) -> None:
    """Hostile names match themselves, as event and as property, and nothing of another project."""
    _once(stores)
    span = {"from": "2024-01-01", "to": "2024-01-01", "interval": "day"}
    for measure in ("events", "users"):
        asked = {**span, "event": hostile, "breakdown": hostile, "measure": measure}
        (series,) = (await api.get("/analytics/trends", params=asked)).json()["series"]
        assert (series["event"], series["breakdown"], series["total"]) == (hostile, hostile + "!", 1)
    error = error_of(await api.get("/analytics/trends", params={"timezone": hostile}), 400)
    assert error["field"] == "timezone"
    stats = (await api.get("/analytics/stats")).json()
    assert stats["total_events"] == len(HOSTILE)


_written: set[str] = set()


def _once(stores: Stores) -> None:
    if stores.clickhouse_url not in _written:
        _written.add(stores.clickhouse_url)
        noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
        write(
            stores.clickhouse_url,
            [
                Stored(project, name, "u", noon, {name: name + "!"})
                for project in (1, 2, 2)
                for name in HOSTILE
            ],
        )


async def test_errors_of_routing_are_typed_too(api: httpx.AsyncClient) -> None:
    """Unknown addresses and methods have the same shape of error."""
    assert error_of(await api.get("/analytics/nothing"), 404)["code"] == "not_found"
    response = await api.post("/analytics/stats")
    assert error_of(response, 405)["code"] == "method_not_allowed"
    assert "GET" in response.headers["allow"]


async def test_our_own_faults_tell_nothing_about_the_inside(
    stores: Stores, open_api: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that fails in an unforeseen way is a typed 500 without the store's words."""
    monkeypatch.setattr("query_api.totals.UNIQUE_USERS", "SELECT secret_column FROM rollup_hour")
    async with open_api(stores) as api:
        response = await api.get("/analytics/stats")
    assert error_of(response, 500)["code"] == "internal_error"
    assert "secret_column" not in response.text


@pytest.mark.parametrize(
    ("limits", "statement"),
    [
        (QueryLimits(seconds=0.3), "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)"),
        (
            QueryLimits(memory_bytes=20 * 1024**2),
            "SELECT count() FROM (SELECT number FROM numbers(10000000) GROUP BY number)",
        ),
    ],
)
async def test_a_question_that_takes_too_much_is_refused_kindly(
    stores: Stores,
    open_api: Opening,
    monkeypatch: pytest.MonkeyPatch,
    limits: QueryLimits,
    statement: str,
) -> None:
    """The store's limits of time and memory end a question; the error says how to ask for less."""
    monkeypatch.setattr("query_api.totals.UNIQUE_USERS", statement)
    async with open_api(stores, limits=limits) as api:
        error = error_of(await api.get("/analytics/stats"), 422)
    assert error["code"] == "query_too_expensive"
    assert "shorter range" in error["message"]


@pytest.mark.parametrize("away", ["clickhouse", "postgres"])
async def test_a_store_that_is_away_is_a_503(stores: Stores, open_api: Opening, away: str) -> None:
    """Questions get 503 and Retry-After; readiness says which part is missing; liveness does not mind."""
    lost = {
        "clickhouse": Stores("http://127.0.0.1:9/smolhog", stores.postgres_dsn),
        "postgres": Stores(stores.clickhouse_url, "postgresql://nobody@127.0.0.1:9/x"),
    }[away]
    async with open_api(lost) as api:
        for path in ("/analytics/stats", "/analytics/events", "/analytics/trends", "/analytics/rejected"):
            if away == "clickhouse" and path == "/analytics/rejected":
                continue
            response = await api.get(path)
            assert error_of(response, 503)["code"] == "store_unavailable"
            assert int(response.headers["retry-after"]) > 0
        ready = await api.get("/health/ready")
        assert ready.status_code == 503
        parts = ready.json()["parts"]
        assert parts[away] != "ok"
        assert [part for part, state in parts.items() if state != "ok"] == [away]
        assert (await api.get("/health/live")).json() == {"live": True}


async def test_ready_when_both_stores_answer(api: httpx.AsyncClient) -> None:
    """All parts are named."""
    response = await api.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "parts": {"clickhouse": "ok", "postgres": "ok", "keys": "ok"},
    }


async def test_pages_of_allowed_origins_may_ask(api: httpx.AsyncClient) -> None:
    """CORS lets GET through for the origins of the settings, and for no others."""
    preflight = {
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    good, bad = {"origin": "https://dash.example"}, {"origin": "https://evil.example"}
    allowed = await api.options("/analytics/stats", headers={**preflight, **good})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://dash.example"
    assert (await api.options("/analytics/stats", headers={**preflight, **bad})).status_code == 400
    posting = {**preflight, **good, "access-control-request-method": "PATCH"}
    assert (await api.options("/analytics/stats", headers=posting)).status_code == 400
    assert "access-control-allow-origin" not in (await api.get("/analytics/stats", headers=bad)).headers


async def test_metrics_count_questions_and_refusals(api: httpx.AsyncClient) -> None:
    """Prometheus can read how long answers take and what was refused."""
    await api.get("/analytics/stats")
    await api.get("/analytics/events?limit=0")
    text = (await api.get("/metrics")).text
    assert 'smolhog_query_seconds_count{route="stats"}' in text
    assert 'smolhog_queries_refused_total{code="invalid_parameter",route="events"}' in text


async def test_openapi_describes_every_question(api: httpx.AsyncClient) -> None:
    """The document has each route, its parameters with their limits, its answer, and every reference resolves."""
    document = (await api.get("/openapi.json")).json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    first = {("GET", path) for path in QUESTIONS}
    assert described >= first | {(route.method, f"/analytics/{route.path}") for route in ROUTES}
    trends = document["paths"]["/analytics/trends"]["get"]
    parameters = {parameter["name"]: parameter for parameter in trends["parameters"]}
    assert {"event", "from", "to", "timezone", "interval", "measure", "breakdown", "breakdown_limit"} == set(
        parameters
    )
    assert parameters["interval"]["schema"]["enum"] == ["minute", "hour", "day"]
    assert all(parameter["description"] for parameter in parameters.values())
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        assert {"200", "400", "401", "403", "422", "503"} <= set(operation["responses"])
    for reference in _references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [reference for value in node.values() for reference in _references(value)]
    return [reference for value in node for reference in _references(value)] if isinstance(node, list) else []
