"""Which events count: conditions on what they carry, joined by "all" or "any"."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal

import re2  # type: ignore[import-untyped]  # it has no stubs
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.limits import DEFAULT_LIMITS

MAX_DEPTH = 3
"""Groups within groups."""
MAX_CONDITIONS = 30
"""In one question, over all of its filters."""
MAX_VALUES = 100
MAX_TEXT = 1000
MAX_PATTERN = 500

Scalar = str | int | float | bool


class Of(StrEnum):
    """Whose property."""

    EVENT = "event"
    PERSON = "person"
    SESSION = "session"


GROUP = "group:"
"""Begins ``of`` where the property is one of a group; the type of the group follows."""
_OWNERS = ", ".join(Of)


def _owner(of: object) -> Of | str:
    if isinstance(of, str):
        if of in list(Of):
            return Of(of)
        if of.startswith(GROUP) and len(GROUP) < len(of) <= len(GROUP) + DEFAULT_LIMITS.name_length:
            return of
    raise refusal(f"give one of {_OWNERS}, or {GROUP} and the type of a group, such as {GROUP}company")


Owner = Annotated[
    Of | str,
    PlainValidator(_owner),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "enum": list(Of)}, {"type": "string", "pattern": f"^{GROUP}."}]}
    ),
]
"""Whose property: one of :class:`Of`, or :data:`GROUP` and the type of a group."""


class Operator(StrEnum):
    """How a property is compared. The negative ones are true exactly where their opposites are not."""

    EQUALS = "="
    NOT_EQUALS = "!="
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    REGEX = "regex"
    NOT_REGEX = "not_regex"
    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="
    BETWEEN = "between"
    IS_SET = "is_set"
    IS_NOT_SET = "is_not_set"
    IN_COHORT = "in_cohort"
    NOT_IN_COHORT = "not_in_cohort"


OPPOSITES = {
    Operator.NOT_EQUALS: Operator.EQUALS,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.NOT_REGEX: Operator.REGEX,
    Operator.IS_NOT_SET: Operator.IS_SET,
    Operator.NOT_IN_COHORT: Operator.IN_COHORT,
}
"""The negative operators, and what each of them denies."""

SESSION_PROPERTIES = ("duration", "events", "entry", "exit")
COHORT_OPERATORS = frozenset({Operator.IN_COHORT, Operator.NOT_IN_COHORT})
_PRESENCE = {Operator.IS_SET, Operator.IS_NOT_SET}
_EQUALITY = {Operator.EQUALS, Operator.NOT_EQUALS}
_TEXTS = {Operator.CONTAINS, Operator.NOT_CONTAINS}
_PATTERNS = {Operator.REGEX, Operator.NOT_REGEX}

_QUIET = re2.Options()
_QUIET.log_errors = False

_VALUE_SCHEMA = {
    "description": "A text, number or boolean; for `=` and `!=` also a list of up to 100 of them (any of); "
    "for `between` `[low, high]`; the cohort's number for `in_cohort`; nothing for `is_set`.",
    "anyOf": [
        {"type": "string", "maxLength": MAX_TEXT},
        {"type": "number"},
        {"type": "boolean"},
        {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_VALUES,
            "items": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]},
        },
        {"type": "null"},
    ],
}


def refusal(message: str) -> PydanticCustomError:
    """Return the error that names the field at fault in the words of ``message``; for validators of questions."""
    return PydanticCustomError("question", "{message}", {"message": message})


class Condition(BaseModel):
    """One comparison. A property that is not there, or null, makes it false, or true for a negative operator."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"property": "$browser", "operator": "=", "value": ["Firefox", "Chrome"]}]
        },
    )

    operator: Operator
    of: Owner = Field(
        default=Of.EVENT,
        description="Whose property; `group:` and a type: of the event's group of that type.",
    )
    property: str = Field(
        default="",
        max_length=DEFAULT_LIMITS.name_length,
        validate_default=True,
        description="Name of the property; empty for cohorts. Of events also `$event`, `$distinct_id`, "
        "`$session_id` and `$source`; of sessions `duration` (seconds), `events`, `entry` and `exit`; "
        "of groups `$group_key`, what the event calls the group.",
    )
    value: Annotated[Any, WithJsonSchema(_VALUE_SCHEMA)] = Field(default=None, validate_default=True)

    @field_validator("property")
    @classmethod
    def _is_known(cls, name: str, info: ValidationInfo) -> str:
        operator, of = info.data.get("operator"), info.data.get("of")
        if operator in COHORT_OPERATORS:
            if name:
                raise refusal("a cohort has no property; leave it empty")
        elif not name:
            raise refusal("name the property that is compared")
        elif of is Of.SESSION and name not in SESSION_PROPERTIES:
            raise refusal(f"a session has {', '.join(SESSION_PROPERTIES)}; got {name[:64]!r}")
        return name

    @field_validator("value")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        operator = info.data.get("operator")
        if operator is None:
            # The operator has its own error.
            return value
        if operator in COHORT_OPERATORS:
            return _cohort(value)
        if operator in _PRESENCE:
            if value is not None:
                raise refusal(f"{operator.value} takes no value; leave it out")
            return None
        if operator in _EQUALITY:
            return _equal_to(value)
        if operator in _TEXTS:
            return _text(value)
        if operator in _PATTERNS:
            return _pattern(value)
        if operator is Operator.BETWEEN:
            return _bounds(value)
        return _bound(value)


def _kind(value: Any) -> type | None:
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else str if isinstance(value, str) else None


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise refusal(f"a text may have {MAX_TEXT} characters to compare with")
    return value


def _cohort(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise refusal("give the number of a cohort, as GET cohorts shows it")
    return value


def _equal_to(value: Any) -> Any:
    several = isinstance(value, list | tuple)
    values = tuple(value) if several else (value,)
    if not 0 < len(values) <= MAX_VALUES:
        raise refusal(f"give one value, or a list of 1 to {MAX_VALUES}")
    if any(_kind(one) is None for one in values):
        raise refusal("a value is a text, a number or a boolean; is_set and is_not_set ask for absence")
    for one in values:
        _short(one)
    return values if several else value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise refusal("give the text to look for")
    _short(value)
    return value


def _pattern(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_PATTERN:
        raise refusal(f"give a regular expression (RE2) of up to {MAX_PATTERN} characters")
    try:
        re2.compile(value, _QUIET)
    except re2.error as error:
        why = error.args[0].decode(errors="replace") if error.args else "it does not compile"
        raise refusal(f"this is no regular expression that RE2 takes: {why[:200]}") from error
    return value


def _bound(value: Any) -> Any:
    if _kind(value) not in {float, str}:
        raise refusal("give a number, or a text to compare in alphabetical order")
    return _short(value)


def _bounds(value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise refusal("between takes [low, high]")
    low, high = (_bound(one) for one in value)
    if _kind(low) is not _kind(high):
        raise refusal("both ends must be numbers, or both texts")
    return (low, high)


def _form(given: Any) -> str:
    if isinstance(given, Group):
        return "(group)"
    return "(group)" if isinstance(given, dict) and ({"match", "filters"} & given.keys()) else "(condition)"


Filter = Annotated[
    # The tags show up in the place of an error, from which query_api/parameters.py drops what is in brackets.
    Annotated["Condition", Tag("(condition)")] | Annotated["Group", Tag("(group)")],
    Discriminator(_form),
]


class Group(BaseModel):
    """Conditions of which all, or any, have to hold. A group without conditions holds always."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "match": "all",
                    "filters": [
                        {"property": "$browser", "operator": "=", "value": "Firefox"},
                        {"property": "amount", "operator": ">=", "value": 100},
                    ],
                }
            ]
        },
    )

    match: Literal["all", "any"] = "all"
    filters: tuple[Filter, ...] = Field(default=(), max_length=MAX_CONDITIONS)

    @model_validator(mode="after")
    def _is_bounded(self) -> "Group":
        if depth_of(self) > MAX_DEPTH:
            raise refusal(f"groups may stand within each other {MAX_DEPTH} deep")
        return self


Group.model_rebuild()


def depth_of(group: Group) -> int:
    """Return how deep groups are within each other; 1 for a group of conditions alone."""
    return 1 + max((depth_of(part) for part in group.filters if isinstance(part, Group)), default=0)


def conditions_of(group: Group | None) -> Iterator[Condition]:
    """Yield all conditions of a filter."""
    for part in group.filters if group is not None else ():
        if isinstance(part, Group):
            yield from conditions_of(part)
        else:
            yield part
