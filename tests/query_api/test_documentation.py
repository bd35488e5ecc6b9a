"""The examples of docs/query-api.md are questions that the API answers."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from query_api.routes import ROUTES
from tests.query_api.conftest import NOW, Stores
from tests.query_api.stored import Stored, write

TEXT = (Path(__file__).parents[2] / "docs" / "query-api.md").read_text()
BODIES = re.findall(r"^```json (POST|PUT) (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ADDRESSES = re.findall(r"^GET (/analytics/\S+)$", TEXT, re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def stored(stores: Stores) -> None:
    """A few events of the names that the examples use."""
    names = ["page_view", "sign_up", "add_to_cart", "purchase"]
    write(
        stores.clickhouse_url,
        [
            Stored(
                1,
                names[number % 4],
                f"user-{number % 7}",
                NOW - timedelta(hours=number),
                {"amount": number, "$browser": "Firefox"},
                session_id=f"session-{number % 7}",
            )
            for number in range(80)
        ],
    )


@pytest.mark.parametrize(("method", "name", "body"), BODIES)
async def test_questions_of_the_documentation_are_answered(
    api: httpx.AsyncClient, method: str, name: str, body: str
) -> None:
    """As they stand there."""
    response = await api.request(method, f"/analytics/{name}", json=json.loads(body))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("address", ADDRESSES)
async def test_addresses_of_the_documentation_answer(api: httpx.AsyncClient, address: str) -> None:
    """Where they name a thing, that thing may not be there."""
    response = await api.get(re.sub(r"\{[a-z_]+\}", "1", address))
    assert response.status_code in {200, 404}, response.text


QUESTIONS = [route for route in ROUTES if route.method == "POST" and "{" not in route.path]


@pytest.mark.parametrize("route", QUESTIONS, ids=lambda route: route.name)
async def test_examples_of_the_models_are_answered(api: httpx.AsyncClient, route: Any) -> None:
    """Those that the OpenAPI document shows, wherever a model has some."""
    for example in route.question.model_json_schema().get("examples", []):
        response = await api.request(route.method, f"/analytics/{route.path}", json=example)
        assert response.status_code in {200, 404}, response.text


def test_every_analysis_is_documented() -> None:
    """With an example that is executed."""
    shown = {name for _, name, _ in BODIES}
    assert {"trends", "breakdown"} <= shown
