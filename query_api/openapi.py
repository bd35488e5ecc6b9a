"""The OpenAPI document, generated from the models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from query_api.analytics_route import AnalyticsRoute, DownloadRoute
from query_api.models import Answer, ErrorAnswer, Parameters, Schema
from query_api.project_routes import DOWNLOADS
from query_api.routes import ROUTES

_ERRORS = {
    "400": "A parameter is unknown, malformed or out of range; `field` names it.",
    "401": "No key, or one that is unknown or revoked.",
    "403": "A write key.",
    "404": "There is nothing of this number or name in the project.",
    "422": "The question takes more time or memory than one may.",
    "503": "A store is away; try again after `Retry-After` seconds.",
}


def openapi_document(version: str) -> Schema:
    """Return the document, as JSON-compatible values."""
    answers: dict[type[BaseModel], None] = dict.fromkeys([ErrorAnswer, *(route.answer for route in ROUTES)])
    everything: tuple[AnalyticsRoute | DownloadRoute, ...] = (*ROUTES, *DOWNLOADS)
    bodies = dict.fromkeys(route.question for route in everything if _has_body(route))
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(answer, "serialization") for answer in answers]
    models.extend((body, "validation") for body in bodies)
    _, definitions = models_json_schema(
        models,
        ref_template="#/components/schemas/{model}",
    )
    paths: Schema = {}
    for route in ROUTES:
        operation = _operation(route)
        paths.setdefault(f"/analytics/{route.path}", {})[route.method.lower()] = operation
        if route.first_dashboard:
            # SmolHog's first SDK knows the routes under both names.
            again = {**operation, "operationId": f"api_{route.name}"}
            paths[f"/api/analytics/{route.path}"] = {route.method.lower(): again}
    for download in DOWNLOADS:
        paths.setdefault(f"/analytics/{download.path}", {})[download.method.lower()] = _operation(download)
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


def _has_body(route: AnalyticsRoute | DownloadRoute) -> bool:
    return route.method in {"POST", "PUT"}


def _operation(route: AnalyticsRoute | DownloadRoute) -> Schema:
    in_path = {name for name in route.question.model_fields if f"{{{name}}}" in route.path}
    operation: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route.question, in_path, in_query=not _has_body(route)),
        "responses": {
            "200": _file(route) if isinstance(route, DownloadRoute) else _json(route.answer),
            **{status: _response(meaning, ErrorAnswer) for status, meaning in _ERRORS.items()},
        },
    }
    if _has_body(route):
        operation["requestBody"] = {"required": True, **_content(route.question)}
        operation["responses"]["413"] = _response("The body is larger than a question may be.", ErrorAnswer)
    if isinstance(route, AnalyticsRoute) and route.shared:
        # The token in the path is what opens it.
        operation["security"] = []
    return operation


def _json(answer: type[Answer]) -> Schema:
    return _response(answer.__doc__ or "", answer)


def _file(route: DownloadRoute) -> Schema:
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {"description": "The file.", "content": dict.fromkeys(route.media_types, schema)}


def _content(model: type[Parameters] | type[Answer]) -> Schema:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"content": {"application/json": {"schema": schema}}}


def _response(description: str, model: type[Answer]) -> Schema:
    return {"description": description, **_content(model)}


def _parameters(model: type[Parameters], in_path: set[str], *, in_query: bool) -> list[Schema]:
    schema = model.model_json_schema(by_alias=True)
    result: list[Schema] = []
    for name, described in schema.get("properties", {}).items():
        if name not in in_path and not in_query:
            continue
        inlined = _inlined(described, schema.get("$defs", {}))
        description = inlined.pop("description", "")
        inlined.pop("title", None)
        parameter: Schema = {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in in_path,
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
