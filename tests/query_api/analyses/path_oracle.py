"""Paths, walked one person and one event at a time. Written from the definitions in docs/query-api.md."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.query_api.analyses.history import Happened, median

NOWHERE = ""
Link = tuple[int, str, str]
"""(step, name of the step before, name of this one)"""


@dataclass(frozen=True)
class Walk:
    """One path: a name and a time for each step, and the number of the first."""

    person: str
    names: tuple[str, ...]
    times: tuple[datetime, ...]
    first_step: int = 1

    def links(self) -> list[Link]:
        """Return how each step is reached; the first one from nowhere."""
        before = (NOWHERE, *self.names[:-1])
        return [
            (self.first_step + place, source, target)
            for place, (source, target) in enumerate(zip(before, self.names, strict=True))
        ]


def walks(
    person: str, events: Iterable[Happened], name: Callable[[Happened], str | None], gap: timedelta
) -> list[Walk]:
    """Return a person's paths, whole."""
    found: list[list[tuple[str, datetime]]] = []
    last: datetime | None = None
    for event in events:
        called = name(event)
        if called is None:
            continue
        if last is None or event.timestamp - last > gap:
            found.append([(called, event.timestamp)])
        elif found[-1][-1][0] != called:
            found[-1].append((called, event.timestamp))
        last = event.timestamp
    return [Walk(person, tuple(n for n, _ in walk), tuple(t for _, t in walk)) for walk in found]


def trimmed(walk: Walk, from_step: str | None, to_step: str | None, depth: int) -> Walk | None:
    """Return the part of a path that is asked for, or None."""
    names, times = list(walk.names), list(walk.times)
    if from_step is not None:
        if from_step not in names:
            return None
        begin = names.index(from_step)
        names, times = names[begin:], times[begin:]
    if to_step is not None:
        searched_from = 0 if from_step is None else 1
        if to_step not in names[searched_from:]:
            return None
        end = names.index(to_step, searched_from) + 1
        names, times = names[:end], times[:end]
    first_step = 1
    if to_step is None:
        names, times = names[:depth], times[:depth]
    elif from_step is None:
        names, times = names[-depth:], times[-depth:]
        first_step = depth - len(names) + 1
    elif len(names) > depth:
        middle = [(n, t) for n, t in [("$more", times[depth - 2])] if depth > 2]
        kept = max(1, depth - 2)
        names = [*names[:kept], *(n for n, _ in middle), names[-1]]
        times = [*times[:kept], *(t for _, t in middle), times[-1]]
    return Walk(walk.person, tuple(names), tuple(times), first_step)


def frequent(found: Iterable[Walk], limit: int, key: Callable[[Link], int]) -> set[Link]:
    """Return the links that most people take, ``limit`` into each step; ``key`` decides ties."""
    people: defaultdict[Link, set[str]] = defaultdict(set)
    for walk in found:
        for link in walk.links():
            people[link].add(walk.person)
    kept: set[Link] = set()
    for step in {link[0] for link in people}:
        ranked = sorted(
            (link for link in people if link[0] == step), key=lambda link: (-len(people[link]), key(link))
        )
        kept.update(ranked[:limit])
    return kept


def flow(
    found: Iterable[Walk], kept: set[Link]
) -> tuple[dict[str, int], dict[tuple[str, str], tuple[int, float | None]]]:
    """Return people by node, and (people, median seconds) by link."""
    at_node: defaultdict[str, set[str]] = defaultdict(set)
    on_link: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for walk in found:
        shown = [
            f"{link[0]}:{name if link in kept else '$other'}"
            for link, name in zip(walk.links(), walk.names, strict=True)
        ]
        for node in shown:
            at_node[node].add(walk.person)
        for place in range(1, len(shown)):
            pair = shown[place - 1], shown[place]
            on_link[pair].add(walk.person)
            seconds[pair].append((walk.times[place] - walk.times[place - 1]).total_seconds())
    links = {pair: (len(people), median(seconds[pair])) for pair, people in on_link.items()}
    return {node: len(people) for node, people in at_node.items()}, links
