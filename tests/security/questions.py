"""What can be asked of the query API, taken from its own description: parameters, and values that fit them."""

from typing import Any

from hypothesis import strategies as st

from query_api.openapi import openapi_document
from tests.security.routes import QUESTIONS

DOCUMENT = openapi_document("0")
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
    described: list[dict[str, Any]] = DOCUMENT["paths"][path]["get"]["parameters"]
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
