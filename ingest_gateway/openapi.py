"""The OpenAPI document of the gateway's HTTP side, generated from the contracts."""

from typing import Any

import msgspec

from ingest_gateway.http import HttpError
from ingest_gateway.vendors.first_sdk import FirstSdkAnswer
from schemas.event import Event
from schemas.limits import Limits
from schemas.wire import HttpAnswer

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_ERRORS = {
    "400": "The body cannot be read as a whole, or not decompressed.",
    "401": "No write key, or one that is unknown or revoked.",
    "403": "The write key is for pages of other origins.",
    "408": "The body did not come in time.",
    "413": "The body is larger than the limit, as sent or decompressed.",
    "415": "A `Content-Type` or `Content-Encoding` that the gateway does not know.",
    "503": "Nothing, or not all, was taken: send the same again after `Retry-After` seconds.",
}


def openapi_document(version: str, limits: Limits) -> Schema:
    """Return the document, as JSON-compatible values.

    Args:
        version: of SmolHog.
        limits: that this gateway has.
    """
    answers = (HttpAnswer, HttpError, FirstSdkAnswer)
    _, components = msgspec.json.schema_components(answers, ref_template=_REFERENCE)
    components |= {"Event": _event(), "Batch": _batch(limits), "FirstSdkBatch": _first_sdk_batch(limits)}
    first_sdk = _operation("FirstSdkBatch", "FirstSdkAnswer", {"firstSdkKey": []})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SmolHog gateway",
            "version": version,
            "description": "Takes events. A 200 means durable. The faster way is the WebSocket at `/v1/stream`, "
            "with the same events.",
        },
        "paths": {
            "/v1/batch": {
                "post": {
                    "operationId": "batch",
                    "summary": "Store events; a verdict for each that is not simply stored",
                    **_operation("Batch", "HttpAnswer", {"writeKey": []}),
                }
            },
            "/events": {
                "post": {"operationId": "events", "summary": "Events of SmolHog's first SDK", **first_sdk}
            },
            "/api/events": {
                "post": {"operationId": "api_events", "summary": "The same under its other name", **first_sdk}
            },
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "bearer", "description": "A write key, `sh_w_…`."},
                "firstSdkKey": {"type": "apiKey", "in": "header", "name": "smolhog-api-key"},
            },
        },
    }


def _operation(body: str, answer: str, security: Schema) -> Schema:
    return {
        "security": [security],
        "requestBody": {"required": True, "content": _content(body)},
        "responses": {
            "200": {"description": "Durable, but for those in `results`.", "content": _content(answer)},
            **{
                status: {"description": meaning, "content": _content("HttpError")}
                for status, meaning in _ERRORS.items()
            },
        },
    }


def _content(name: str) -> Schema:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(name=name)}}}


def _event() -> Schema:
    return Event.model_json_schema(ref_template="#/components/schemas/{model}")


def _batch(limits: Limits) -> Schema:
    return {
        "type": "object",
        "required": ["events"],
        "properties": {
            "events": {
                "type": "array",
                "maxItems": limits.batch_events,
                "items": {"$ref": _REFERENCE.format(name="Event")},
            },
            "sent_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When the client sent this, by its own clock: corrects the events' times.",
            },
            "id": {"type": ["string", "null"], "description": "Comes back in the answer."},
        },
    }


def _first_sdk_batch(limits: Limits) -> Schema:
    text = {"type": "string", "minLength": 1, "maxLength": limits.name_length}
    event = {
        "type": "object",
        "required": ["event_name", "user_id"],
        "properties": {
            "event_name": text,
            "user_id": text,
            "event_id": {"type": "string"},
            "timestamp": {"type": "string"},
            "session_id": text,
            "properties": {"type": "object"},
        },
    }
    return {
        "type": "object",
        "required": ["events"],
        "properties": {"events": {"type": "array", "maxItems": limits.batch_events, "items": event}},
    }
