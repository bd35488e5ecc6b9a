"""Cohorts as relations of people. Pure.

A rule is true of some people, who can be listed from a table, or of all but some. The second kind is kept
as its complement for as long as possible: who everybody is takes a look at all events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from query_api.people.cohort_rules import BehaviourRule, CohortDefinition, NotRule, PropertyRule, Rule
from query_api.people.relations import person_values
from query_api.questions.events_relation import events_relation
from query_api.questions.filter_sql import filter_sql
from query_api.questions.filters import OPPOSITES, Group, conditions_of
from query_api.questions.people_sql import LINKED_PEOPLE
from query_api.questions.scope import Scope
from query_api.questions.selectors import selector_sql

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _People:
    """Those of a subquery of one column ``person``, or all but those."""

    listed: str
    are_all_others: bool = False


def cohort_persons(definition: CohortDefinition, scope: Scope, now: datetime) -> str:
    """Return a subquery, in brackets, of one column ``person``: who is in the cohort now, each once.

    Args:
        definition: of the cohort.
        scope: of the statement.
        now: from where rules look back.
    """
    rules = [_people(rule, scope, now) for rule in definition.rules]
    if definition.match == "any":
        # Somebody is in one of these who is not in none of them.
        rules = [_People(rule.listed, not rule.are_all_others) for rule in rules]
    found = _all(rules)
    if definition.match == "any":
        found = _People(found.listed, not found.are_all_others)
    if found.are_all_others:
        found = _all([_People(_everybody(scope)), found])
    return f"(SELECT DISTINCT person FROM {found.listed})"


def _people(rule: Rule, scope: Scope, now: datetime) -> _People:
    match rule:
        case PropertyRule():
            return _with_properties(rule.filter, scope)
        case BehaviourRule():
            return _who_did(rule, scope, now)
        case NotRule():
            inner = _people(rule.rule, scope, now)
            return _People(inner.listed, not inner.are_all_others)


def _all(rules: Sequence[_People]) -> _People:
    """Return those of whom all rules are true."""
    wanted = [rule.listed for rule in rules if not rule.are_all_others]
    unwanted = [rule.listed for rule in rules if rule.are_all_others]
    if not wanted:
        union = " UNION ALL ".join(f"SELECT person FROM {listed}" for listed in unwanted)
        return _People(f"({union})", are_all_others=True)
    first, *others = wanted
    conditions = [f"person IN {listed}" for listed in others]
    conditions += [f"person NOT IN {listed}" for listed in unwanted]
    if not conditions:
        return _People(first)
    return _People(f"(SELECT person FROM {first} WHERE {' AND '.join(conditions)})")


def _with_properties(group: Group, scope: Scope) -> _People:
    names = sorted({condition.property for condition in conditions_of(group)})
    if not names:
        # A filter without conditions: nobody is left out.
        return _People("(SELECT '' AS person WHERE 0)", are_all_others=True)
    holds = filter_sql(group, scope).text
    described = person_values(linked=scope.linked, only=scope.bindings.texts(names))
    # Of whom nothing is known is not in any table. Either all of them are meant, or none.
    are_unknown_meant = _holds_of_nobody(group)
    if are_unknown_meant:
        holds = f"NOT {holds}"
    return _People(f"(SELECT DISTINCT person FROM {described} WHERE {holds})", are_unknown_meant)


def _holds_of_nobody(group: Group) -> bool:
    """Whether a filter is true of somebody who has none of the properties."""
    answers = [
        _holds_of_nobody(part) if isinstance(part, Group) else part.operator in OPPOSITES
        for part in group.filters
    ]
    return (all(answers) if group.match == "all" else any(answers)) or not answers


def _who_did(rule: BehaviourRule, scope: Scope, now: datetime) -> _People:
    times = rule.times
    if times.operator == "<=":
        return _People(_doers(rule, times.count + 1, None, scope, now), are_all_others=True)
    if times.operator == "=" and times.count > 0:
        return _People(_doers(rule, times.count, times.count, scope, now))
    if times.operator == "=":
        return _People(_doers(rule, 1, None, scope, now), are_all_others=True)
    if times.count == 0:
        return _People("(SELECT '' AS person WHERE 0)", are_all_others=True)
    return _People(_doers(rule, times.count, None, scope, now))


def _doers(rule: BehaviourRule, least: int, most: int | None, scope: Scope, now: datetime) -> str:
    back = timedelta(**{_UNITS[rule.within[-1]]: int(rule.within[:-1])})
    start = max(_EPOCH, now - back)
    events = events_relation(
        scope,
        (start - _EPOCH) // _MICROSECOND,
        (now - _EPOCH) // _MICROSECOND,
        # A row that is there twice makes no difference to whether somebody did it at all.
        once=(least, most) != (1, None),
        where=selector_sql(rule.selector, scope),
    )
    if (least, most) == (1, None):
        return f"(SELECT DISTINCT person FROM {events})"
    enough = f"count() >= {scope.bindings.whole(least)}"
    if most is not None:
        enough += f" AND count() <= {scope.bindings.whole(most)}"
    return f"(SELECT person FROM {events} GROUP BY person HAVING {enough})"


def _everybody(scope: Scope) -> str:
    everybody = "SELECT DISTINCT distinct_id FROM events WHERE project_id = {project_id:UInt32}"
    if not scope.linked:
        return f"(SELECT distinct_id AS person FROM ({everybody}))"
    return f"""(
    SELECT DISTINCT if(linked.person_id = '', seen.distinct_id, linked.person_id) AS person
    FROM ({everybody}) AS seen LEFT ANY JOIN {LINKED_PEOPLE} AS linked ON linked.distinct_id = seen.distinct_id
)"""
