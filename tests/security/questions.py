"""What can be asked of the query API, taken from its own description: parameters, and values that fit them."""

import re
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from query_api.openapi import openapi_document
from query_api.routes import ROUTES
from tests.security.routes import QUESTIONS

DOCUMENT = openapi_document("0")
BY_ADDRESS = {re.sub(r"\{[^}]*\}", "1", path): operations for path, operations in DOCUMENT["paths"].items()}
"""Operations by address, as tests/security/routes.py writes it."""
HOSTILE = [
    "'",
    "''",
    "\\'",
    "' OR 1=1 --",
    "'; DROP TABLE events; --",
    "') UNION ALL SELECT payload FROM rejected_events --",
    "2) OR (project_id = 2",
    "{project_id:UInt32}",
    "%(project_id)s",
    "$1; DELETE FROM projects",
    "`events`",
    '"; SELECT pg_sleep(60); --',
    "\\x27 OR sleep(3)",
    "/*",
    "1e309",
    "-1",
    "[1,2]",
    "NULL",
    "a\\nb",
    "\u2028😀",
    "../../etc/passwd",
    "file('/etc/passwd')",
    "url('http://127.0.0.1/')",
]


def parameters_of(path: str) -> list[dict[str, Any]]:
    """Return the described parameters of a route. Every question has to be described."""
    described: list[dict[str, Any]] = BY_ADDRESS[path]["get"]["parameters"]
    return [parameter for parameter in described if parameter["in"] == "query"]


def good_values(parameter: dict[str, Any]) -> list[str]:
    """Return values that a question may have there, by what the description says."""
    schema = parameter["schema"]
    schema = next((kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"), schema) | {
        name: value for name, value in schema.items() if name in {"default", "examples"}
    }
    found = [value[0] if isinstance(value, list) else value for value in schema.get("examples", [])]
    found += schema.get("enum", [])
    found += [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
    if isinstance(schema.get("default"), str | int):
        found.append(schema["default"])
    return [str(value) for value in found]


def questions(*more: str) -> st.SearchStrategy[tuple[str, list[tuple[str, str]]]]:
    """Draw a route and some of its parameters, with good values and with ``more``."""

    def of(path: str) -> st.SearchStrategy[tuple[str, list[tuple[str, str]]]]:
        pairs = [
            st.tuples(st.just(parameter["name"]), st.sampled_from([*good_values(parameter), *more]))
            for parameter in parameters_of(path)
            if good_values(parameter) or more
        ]
        chosen = (
            st.lists(st.one_of(pairs), max_size=4, unique_by=lambda pair: pair[0]) if pairs else st.just([])
        )
        return st.tuples(st.just(path), chosen)

    return st.sampled_from([address.path for address in QUESTIONS]).flatmap(of)


BODIES = [
    (f"/analytics/{route.path}", example)
    for route in ROUTES
    if route.method == "POST" and "{" not in route.path
    for example in route.question.model_json_schema().get("examples", [])
]
"""Questions in bodies that the models give as examples."""


def bodies(*texts: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Draw a question in a body, with ``texts`` in some of the places where it has a text."""

    def of(question: tuple[str, dict[str, Any]]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
        path, example = question
        places = list(_texts_of(example))
        changes = st.lists(st.tuples(st.sampled_from(places), st.sampled_from(texts)), min_size=1, max_size=3)
        return changes.map(lambda drawn: (path, _changed(example, drawn)))

    return st.sampled_from(BODIES).flatmap(of)


_Place = tuple[str | int, ...]


def _texts_of(node: Any, place: _Place = ()) -> list[_Place]:
    if isinstance(node, str):
        return [place]
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for name, value in inner for found in _texts_of(value, (*place, name))]


def _changed(example: dict[str, Any], changes: list[tuple[_Place, str]]) -> dict[str, Any]:
    changed = deepcopy(example)
    for place, text in changes:
        node: Any = changed
        for step in place[:-1]:
            node = node[step]
        node[place[-1]] = text
    return changed
