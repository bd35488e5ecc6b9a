"""From a URL's query to typed parameters, with a sentence for everything that is wrong."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from query_api.errors import InvalidParameter
from query_api.models import Parameters
from schemas.properties import check_text

_P = TypeVar("_P", bound=Parameters)


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


def _invalid(model: type[Parameters], details: ErrorDetails) -> InvalidParameter:
    field = str(details["loc"][0]) if details["loc"] else ""
    if details["type"] == "extra_forbidden":
        names = sorted(info.alias or name for name, info in model.model_fields.items())
        known = f"it takes {', '.join(names)}" if names else "it takes none"
        return InvalidParameter(f"there is no parameter {field[:64]!r} here; {known}", field=field)
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
            message = f"{field}: {details['msg']}"
    return InvalidParameter(message, field=field)
