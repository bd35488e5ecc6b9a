"""Counts the fields of many events at once, column by column: the hot loop of the rollups.

A column is a dimension with its values, each with the number of events that have it. The guard of
:mod:`dataflows.rollup` tells apart what the log brought first; it asks for that order here when more
came than it has places for, which is once in a while, so nobody pays for it otherwise.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any

from schemas.rollup import OTHER

VALUE_LENGTH = 100
"""Longest value of a property that is told apart, in characters."""

Fields = dict[str, Any]
"""The properties of an event, or its context."""

Columns = dict[str, dict[str, int]]
"""dimension -> value -> events. A dimension that came with null only has no value."""

_COUNTED_AS_OTHER = {int, float, list, dict}


def count_columns(seen: list[Fields]) -> Columns:
    """Count the values of each dimension.

    Events of one client have the same names in the same order, so their values are taken column by column.

    Args:
        seen: properties and context of each event, in turn; the two share no name.
    """
    columns: Columns = {}
    contexts = Counter(map(id, seen[1::2]))
    if len(contexts) * 4 < len(seen):
        # One context serves many events, and is looked at once for all of them.
        for context in {id(context): context for context in seen[1::2]}.values():
            for name, value in context.items():
                _put(columns, name, value, contexts[id(context)])
        seen = seen[::2]
    shapes: defaultdict[tuple[str, ...], list[Fields]] = defaultdict(list)
    for fields in seen:
        shapes[tuple(fields)].append(fields)
    for names, alike in shapes.items():
        for name, values in zip(names, zip(*map(dict.values, alike), strict=True), strict=True):
            _count_values(columns, name, values)
    return columns


def _count_values(columns: Columns, name: str, values: tuple[Any, ...]) -> None:
    """Count the values of a dimension, one of each event."""
    kinds = set(map(type, values))
    if kinds <= _COUNTED_AS_OTHER:
        _put(columns, name, values[0], len(values))
    elif kinds == {str}:
        for value, number in Counter(values).items():
            _put(columns, name, value, number)
    else:
        for value in values:
            _put(columns, name, value, 1)


def join_columns(parts: list[Columns]) -> Columns:
    """Add up the columns of several minutes. A single one is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    joined: Columns = {}
    for columns in parts:
        for name, values in columns.items():
            column = joined.setdefault(name, {})
            for value, number in values.items():
                column[value] = column.get(value, 0) + number
    return joined


def first_names(seen: Iterable[Fields], names: Collection[str], most: int) -> list[str]:
    """Return those of ``names`` that came first, at most so many, in order."""
    return _first(chain.from_iterable(seen), names, most)


def first_values(seen: Iterable[Fields], name: str, values: Collection[str], most: int) -> list[str]:
    """Return those of a dimension's ``values`` that came first, at most so many, in order."""
    return _first((_told(fields[name]) for fields in seen if name in fields), values, most)


def _first(texts: Iterable[str], wanted: Collection[str], most: int) -> list[str]:
    found: dict[str, None] = {}
    for text in texts:
        if len(found) >= most:
            break
        if text in wanted:
            found[text] = None
    return list(found)


def _put(columns: Columns, name: str, value: Any, number: int) -> None:
    # An empty name would be taken for the event's total.
    column = columns.get(name or OTHER)
    if column is None:
        column = columns[name or OTHER] = {}
    if value is not None:
        told = value if type(value) is str and 0 < len(value) <= VALUE_LENGTH else _told(value)
        column[told] = column.get(told, 0) + number


def _told(value: Any) -> str:
    """How a value counts.

    Only text that is neither empty nor long and booleans are told apart; the rest counts as ``$other``, which tells
    a reader that the rollup does not know.
    """
    if type(value) is str:
        return value if 0 < len(value) <= VALUE_LENGTH else OTHER
    if value is True:
        return "true"
    return "false" if value is False else OTHER
