"""From links between ids to people. Pure, and a function of the set of links alone: their order does not matter."""

from collections.abc import Iterable
from typing import NamedTuple


class Link(NamedTuple):
    """Two ids of one person, as one of them has it; the table holds each link from both ends."""

    distinct_id: str
    other_id: str
    identified: bool
    """Whether ``distinct_id`` is the known end of an ``$identify``."""


class Person(NamedTuple):
    """Ids that belong together."""

    person_id: str
    """One of them: the first in order of text of those that are known ends, else of all."""
    distinct_ids: list[str]
    """In order of text."""
    version: int
    """How many rows of links the person is made of. It grows with what is known, so that of two processes
    that saw different links the one that saw more is believed."""


def people_of(links: Iterable[Link]) -> list[Person]:
    """Gather all ids that are linked, over any number of steps.

    Args:
        links: in any order, repeated or not, from one end or both.
    """
    parents: dict[str, str] = {}
    distinct = set(links)
    for link in distinct:
        one, other = _root(parents, link.distinct_id), _root(parents, link.other_id)
        if one != other:
            parents[max(one, other)] = min(one, other)
    ids: dict[str, list[str]] = {}
    for distinct_id in sorted(parents):
        ids.setdefault(_root(parents, distinct_id), []).append(distinct_id)
    versions = dict.fromkeys(ids, 0)
    known: dict[str, str] = {}
    for link in distinct:
        root = _root(parents, link.distinct_id)
        versions[root] += 1
        if link.identified:
            known[root] = min(known.get(root, link.distinct_id), link.distinct_id)
    return [Person(known.get(root, members[0]), members, versions[root]) for root, members in ids.items()]


def _root(parents: dict[str, str], distinct_id: str) -> str:
    """Find the root of an id, which becomes one if it is new; halves the path on the way."""
    parents.setdefault(distinct_id, distinct_id)
    while (parent := parents[distinct_id]) != distinct_id:
        parents[distinct_id] = distinct_id = parents[parent]
    return distinct_id
