"""Instants at which a person did more than one thing: only there the ids of events say what came first. Pure.

An id is most of what is to be kept of an event while events are put in order, and it decides next to nothing: so it is
kept of these events only. They are searched for by 32 bits of each time, which finds some too many: that costs a
little, and changes nothing.
"""

from typing import NamedTuple

from query_api.analyses.sequences import AT, MEMORY_SETTINGS
from query_api.questions.bindings import Bindings

FALSE = "0"
FEW = 500
"""So many can be bound as values; more are searched for once again by each statement that looks at them."""
WHO = "cityHash64(person)"
"""What stands for a person, of whom only others are to be told apart."""
_SHORT_TIME = f"intHash32({AT})"
_INSTANT = f"bitXor({WHO}, toUInt64({_SHORT_TIME}))"


class InstantRow(NamedTuple):
    """A person and a time, as one number."""

    instant: int


def few_tied_statement(relation: str, bindings: Bindings) -> str:
    """Return a statement of :class:`InstantRow`, of one more than :data:`FEW` at most.

    A row that arrived twice is an instant of two events.

    Args:
        relation: of events, as :func:`query_api.questions.events_relation.events_relation` makes it.
        bindings: of the statement.
    """
    return f"{_tied(relation)} LIMIT {bindings.whole(FEW + 1)} {MEMORY_SETTINGS}"


def is_tied(few: list[InstantRow], relation: str, bindings: Bindings) -> str:
    """Return a condition on the columns of an events relation: whether an event may be at such an instant.

    Args:
        few: what :func:`few_tied_statement` found.
        relation: what it was asked of, with placeholders of ``bindings``.
        bindings: of the statement.
    """
    if not few:
        return FALSE
    if len(few) > FEW:
        return f"{_INSTANT} IN ({_tied(relation)})"
    return f"{_INSTANT} IN {bindings.put([row.instant for row in few], 'Array(UInt64)')}"


def _tied(relation: str) -> str:
    return f"""SELECT DISTINCT
    bitXor(who, toUInt64(arrayJoin(arrayFilter((x, y) -> x = y, arrayPopBack(times), arrayPopFront(times))))) AS instant
FROM (SELECT {WHO} AS who, arraySort(groupArray({_SHORT_TIME})) AS times FROM {relation} GROUP BY who)"""
