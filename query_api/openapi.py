"""The OpenAPI document, generated from the models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from query_api.models import (
    ErrorAnswer,
    EventsAnswer,
    EventsParameters,
    Parameters,
    RejectedAnswer,
    RejectedParameters,
    Schema,
    StatsAnswer,
    StatsParameters,
    TrendsAnswer,
    TrendsParameters,
)

_ROUTES: tuple[tuple[str, str, str, type[Parameters], type[BaseModel]], ...] = (
    ("/analytics/stats", "stats", "Totals of the project", StatsParameters, StatsAnswer),
    ("/analytics/events", "events", "The newest events, newest first", EventsParameters, EventsAnswer),
    ("/analytics/trends", "trends", "Events or users over time", TrendsParameters, TrendsAnswer),
    (
        "/analytics/rejected",
        "rejected",
        "Events that were refused, and why",
        RejectedParameters,
        RejectedAnswer,
    ),
)
_ERRORS = {
    "400": "A parameter is unknown, malformed or out of range; `field` names it.",
    "401": "No key, or one that is unknown or revoked.",
    "403": "A write key.",
    "422": "The question takes more time or memory than one may.",
    "503": "A store is away; try again after `Retry-After` seconds.",
}


def openapi_document(version: str) -> Schema:
    """Return the document, as JSON-compatible values."""
    answers: list[type[BaseModel]] = [ErrorAnswer, *(answer for *_, answer in _ROUTES)]
    _, definitions = models_json_schema(
        [(answer, "serialization") for answer in answers], ref_template="#/components/schemas/{model}"
    )
    paths: Schema = {}
    for path, name, summary, parameters, answer in _ROUTES:
        operation = _operation(name, summary, parameters, answer)
        paths[path] = {"get": operation}
        # SmolHog's first SDK knows the routes under both names.
        paths[f"/api{path}"] = {"get": {**operation, "operationId": f"api_{name}"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SmolHog query API",
            "version": version,
            "description": "What happened, how often, by whom. Every answer says how fresh it is (`as_of`).",
        },
        "paths": paths,
        "security": [{"readKey": []}, {"readKeyHeader": []}],
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "readKey": {"type": "http", "scheme": "bearer", "description": "A read key, `sh_r_…`."},
                "readKeyHeader": {"type": "apiKey", "in": "header", "name": "smolhog-api-key"},
            },
        },
    }


def _operation(name: str, summary: str, parameters: type[Parameters], answer: type[BaseModel]) -> Schema:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": _parameters(parameters),
        "responses": {
            "200": _response(answer.__doc__ or "", answer),
            **{status: _response(meaning, ErrorAnswer) for status, meaning in _ERRORS.items()},
        },
    }


def _response(description: str, model: type[BaseModel]) -> Schema:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameters(model: type[Parameters]) -> list[Schema]:
    schema = model.model_json_schema(by_alias=True)
    result: list[Schema] = []
    for name, described in schema["properties"].items():
        inlined = _inlined(described, schema.get("$defs", {}))
        description = inlined.pop("description", "")
        inlined.pop("title", None)
        parameter: Schema = {
            "name": name,
            "in": "query",
            "required": False,
            "description": description,
            "schema": inlined,
        }
        if inlined.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
        result.append(parameter)
    return result


def _inlined(described: Schema, definitions: dict[str, Any]) -> Schema:
    """Put an enumeration where a parameter, or one of the forms it may have, refers to it."""
    inlined = dict(described)
    if "anyOf" in inlined:
        inlined["anyOf"] = [_inlined(form, definitions) for form in inlined["anyOf"]]
    reference = inlined.pop("$ref", None)
    if reference is not None:
        inlined = {**definitions[reference.rpartition("/")[2]], **inlined}
    return inlined
