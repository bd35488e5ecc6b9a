"""Filters as SQL. Pure.

A part made here is an expression of 0 or 1, never NULL, that stands where the columns of
:func:`query_api.questions.events_relation.events_relation` are in scope under their plain names: event,
distinct_id, person (the resolved person), timestamp, session_id, properties, context, source, event_id.
Conditions on people and sessions only look at ``person`` and ``session_id``.
"""

import re
from typing import Any

from query_api.people.relations import group_values, person_values
from query_api.questions.attributes import (
    GROUP_KEY,
    Attribute,
    event_attribute,
    group_key,
    json_attribute,
    text_attribute,
)
from query_api.questions.bindings import Bindings, SqlPart
from query_api.questions.filters import GROUP, OPPOSITES, Condition, Group, Of, Operator
from query_api.questions.people_sql import SESSIONS
from query_api.questions.scope import Scope

TRUE = "1"

_PLAIN = re.compile(r"[A-Za-z0-9 _.,:;@$+-]*")


def filter_sql(group: Group | None, scope: Scope) -> SqlPart:
    """Return what a filter means; no filter is always true.

    Raises:
        InvalidParameter: it names a cohort that the project does not have.
    """
    return scope.bindings.part(_group(group, scope) if group is not None else TRUE)


def _group(group: Group, scope: Scope) -> str:
    parts = [
        _group(part, scope) if isinstance(part, Group) else _condition(part, scope) for part in group.filters
    ]
    if not parts:
        return TRUE
    return "(" + (" AND " if group.match == "all" else " OR ").join(parts) + ")"


def _condition(condition: Condition, scope: Scope) -> str:
    operator = OPPOSITES.get(condition.operator, condition.operator)
    positive = _positive(condition, operator, scope)
    return positive if operator is condition.operator else f"NOT {positive}"


def _positive(condition: Condition, operator: Operator, scope: Scope) -> str:
    bindings = scope.bindings
    if operator is Operator.IN_COHORT:
        return f"(person IN {scope.cohorts.persons(condition.value, bindings).text})"
    if condition.of is Of.PERSON:
        values = person_values(linked=scope.linked, only=bindings.texts([condition.property]))
        holds = compared(json_attribute("value", bindings), operator, condition.value, bindings)
        return f"(person IN (SELECT person FROM {values} WHERE {holds}))"
    if condition.of.startswith(GROUP):
        key = group_key(condition.of, bindings)
        if condition.property == GROUP_KEY:
            return compared(text_attribute(key), operator, condition.value, bindings)
        values = group_values(of=bindings.text(condition.of), only=bindings.texts([condition.property]))
        holds = compared(json_attribute("value", bindings), operator, condition.value, bindings)
        return f"({key} IN (SELECT key FROM {values} WHERE {holds}))"
    if condition.of is Of.SESSION:
        holds = compared(session_attribute(condition.property), operator, condition.value, bindings)
        return f"(session_id IN (SELECT session_id FROM {SESSIONS} WHERE {holds}))"
    return compared(event_attribute(condition.property, bindings), operator, condition.value, bindings)


def session_attribute(name: str) -> Attribute:
    """Return a property of a session, in the scope of the relation of sessions."""
    if name in {"duration", "events"}:
        return Attribute(
            f"toString({name})", f"toNullable(toFloat64({name}))", TRUE, f"toNullable(toString({name}))"
        )
    return Attribute(name, "CAST(NULL, 'Nullable(Float64)')", f"{name} != ''", f"nullIf({name}, '')")


def compared(attribute: Attribute, operator: Operator, value: Any, bindings: Bindings) -> str:
    """Return one of the positive operators, applied; 0 where the property is not there."""
    match operator:
        case Operator.IS_SET:
            holds = TRUE
        case Operator.EQUALS:
            holds = _equals(attribute, value if isinstance(value, tuple) else (value,), bindings)
        case Operator.CONTAINS:
            holds = f"positionCaseInsensitiveUTF8({attribute.text}, {bindings.text(value)}) > 0"
        case Operator.REGEX:
            holds = f"match({attribute.text}, {bindings.text(value)})"
        case Operator.BETWEEN:
            low, high = value
            at_least = _ordered(attribute, ">=", low, bindings)
            holds = f"{at_least} AND {_ordered(attribute, '<=', high, bindings)}"
        case _:
            holds = _ordered(attribute, operator.value, value, bindings)
    return f"({attribute.present} AND {holds})"


def _equals(attribute: Attribute, values: tuple[Any, ...], bindings: Bindings) -> str:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    texts = [value for value in texts if isinstance(value, str)]
    ways = []
    if texts and attribute.raw is not None and all(_PLAIN.fullmatch(text) for text in texts):
        # Their JSON is sure, so what stands there need not be decoded, which is a third of the work.
        json = [form for text in texts for form in (f'"{text}"', text)]
        ways.append(f"{attribute.raw} IN {bindings.texts(json)}")
    elif len(texts) == 1:
        # The primary key is searched for a single value better than for a list.
        ways.append(f"{attribute.text} = {bindings.text(texts[0])}")
    elif texts:
        ways.append(f"{attribute.text} IN {bindings.texts(texts)}")
    if numbers:
        ways.append(f"ifNull({attribute.number} IN {bindings.numbers(numbers)}, 0)")
    return ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"


def _ordered(attribute: Attribute, sign: str, value: Any, bindings: Bindings) -> str:
    # ``sign`` is an operator of the closed set, so it may stand in the text.
    if isinstance(value, str):
        return f"{attribute.text} {sign} {bindings.text(value)}"
    return f"ifNull({attribute.number} {sign} {bindings.number(value)}, 0)"
