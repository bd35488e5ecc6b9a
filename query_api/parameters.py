"""From a request to a typed question, with a sentence for everything that is wrong."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from query_api.errors import InvalidParameter, QuestionTooLong
from query_api.models import Parameters
from schemas.limits import Limits
from schemas.properties import check_properties, check_text

_P = TypeVar("_P", bound=Parameters)
BODY_BYTES = 64 * 1024
"""Most bytes that a question may have."""
# What goes into a statement must be storable text and finite numbers; bytes bound all else.
_BODY_LIMITS = Limits(nesting=64, properties=BODY_BYTES, name_length=BODY_BYTES)


def parse_parameters(model: type[_P], pairs: Iterable[tuple[str, str]]) -> _P:
    """Check the parameters of a request.

    Args:
        model: what the route takes.
        pairs: names and values as they stand in the URL, in order.

    Raises:
        InvalidParameter: one is unknown, repeated, malformed or out of range.
    """
    many = {name for name, field in model.model_fields.items() if field.default == ()}
    values: dict[str, Any] = {}
    for name, value in pairs:
        found = check_text(value)
        if found is not None:
            raise InvalidParameter(f"{name}: {found.message}", field=name)
        if name in many:
            values[name] = (*values.get(name, ()), value)
        elif name in values:
            raise InvalidParameter(f"{name} was given twice; it takes one value", field=name)
        else:
            values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _invalid(model, error.errors(include_url=False)[0]) from error


async def read_body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        QuestionTooLong: it is longer than :data:`BODY_BYTES`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise QuestionTooLong(f"a question may have {BODY_BYTES} bytes")
    return bytes(body)


def parse_body(model: type[_P], body: bytes, in_path: Mapping[str, Any]) -> _P:
    """Check the question that came as a body.

    Args:
        model: what the route takes.
        body: JSON; an empty one counts as ``{}``.
        in_path: further fields, which the path gives.

    Raises:
        InvalidParameter: it is no JSON object, or a field is unknown, malformed or out of range.
    """
    try:
        return model.model_validate({**fields_of(body), **in_path})
    except ValidationError as error:
        raise _invalid(model, error.errors(include_url=False)[0]) from error


def fields_of(body: bytes) -> dict[str, Any]:
    """Read a JSON object whose texts and numbers can be stored.

    Args:
        body: JSON; an empty one counts as ``{}``.

    Raises:
        InvalidParameter: it is anything else.
    """
    try:
        fields = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidParameter(f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidParameter("the body must be a JSON object")
    found = check_properties(fields, _BODY_LIMITS)
    if found is not None:
        raise InvalidParameter(found.message)
    return fields


def _invalid(model: type[Parameters], details: ErrorDetails) -> InvalidParameter:
    # Where a value may have several forms, the place names the form that it was taken for, in brackets.
    field = ".".join(str(part) for part in details["loc"] if not str(part).startswith("("))
    if details["type"] == "extra_forbidden" and len(details["loc"]) > 1:
        return InvalidParameter(f"there is no field {field[:200]!r}", field=field[:200])
    if details["type"] == "extra_forbidden":
        names = sorted(info.alias or name for name, info in model.model_fields.items())
        known = f"it takes {', '.join(names)}" if names else "it takes none"
        return InvalidParameter(f"there is no parameter {field[:64]!r} here; {known}", field=field)
    return InvalidParameter(_sentence(field, details), field=field or None)


def _sentence(field: str, details: ErrorDetails) -> str:
    given = str(details["input"])[:64]
    context = details.get("ctx", {})
    match details["type"]:
        case "int_parsing" | "int_parsing_size":
            message = f"{field} must be a whole number; got {given!r}"
        case "greater_than_equal":
            message = f"{field} must be at least {context['ge']}; got {given}"
        case "less_than_equal":
            message = f"{field} must be at most {context['le']}; got {given}"
        case "enum":
            message = f"{field} must be {context['expected']}; got {given!r}"
        case "string_too_short":
            message = f"{field} must not be empty"
        case "string_too_long":
            message = f"{field} is longer than {context['max_length']} characters"
        case "too_long":
            message = f"{field} may stand at most {context['max_length']} times in one question"
        case _:
            message = f"{field}: {details['msg']}" if field else details["msg"]
    return message
