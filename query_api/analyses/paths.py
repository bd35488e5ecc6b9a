"""Paths: what people do after what, as nodes and links of a flow."""

from collections import Counter
from datetime import datetime
from typing import TypeVar

from pydantic import ConfigDict, Field

from query_api.analyses.durations import Duration, microseconds_of
from query_api.analyses.path_steps import packing_of
from query_api.analyses.paths_sql import (
    BY_EVENT,
    OWN_NAMES,
    FrequentRow,
    NameRow,
    PathRow,
    PathsAsked,
    frequent_links_statement,
    names_of_events_statement,
    names_statement,
    paths_relation,
    paths_statement,
    relation_of_ties,
)
from query_api.analyses.tied_instants import InstantRow, few_tied_statement
from query_api.models import Answer
from query_api.open_question import open_question
from query_api.plan import Exactness, Source
from query_api.questions.question import Question
from query_api.questions.ranges import Span, span_of
from query_api.questions.scope import Scope
from query_api.rooms import Rooms
from schemas.limits import DEFAULT_LIMITS
from schemas.rollup import OTHER

_NAME = DEFAULT_LIMITS.name_length
_Row = TypeVar("_Row")


class PathsQuestion(Question):
    """Which paths."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "range": {"from": "-7d", "to": "now"},
                    "by": "$pathname",
                    "from_step": "/",
                    "depth": 4,
                    "limit": 20,
                }
            ]
        }
    )

    by: str = Field(
        default=BY_EVENT,
        min_length=1,
        max_length=_NAME,
        description="`event`: steps are names of events; else the property whose values are the steps, and events "
        "without it are passed over.",
    )
    from_step: str | None = Field(
        default=None, min_length=1, max_length=_NAME, description="Paths begin with the first such step."
    )
    to_step: str | None = Field(
        default=None, min_length=1, max_length=_NAME, description="Paths end with the first such step."
    )
    depth: int = Field(default=5, ge=2, le=10, description="Most steps of a path.")
    limit: int = Field(
        default=20,
        ge=5,
        le=100,
        description="Most links into each step; where the others lead, stands `$other`.",
    )
    gap: Duration = Field(default="30m", description="A path ends after that much silence.", examples=["30m"])


class PathNode(Answer):
    """A step that people take at some place of their paths."""

    id: str = Field(description="`step:name`.", examples=["1:page_view"])
    step: int = Field(description="Place in the path, from 1.")
    name: str
    people: int


class PathLink(Answer):
    """One step after another."""

    source: str = Field(description="`id` of a node.")
    target: str = Field(description="`id` of a node of the next step.")
    people: int
    median_seconds: float


class PathsAnswer(Answer):
    """The flow of people."""

    nodes: list[PathNode] = Field(description="By step, the most frequent first.")
    links: list[PathLink] = Field(description="By step, the most frequent first.")
    as_of: datetime | None
    exactness: Exactness = Exactness.EXACT
    source: Source = Source.EVENTS


async def read_paths(rooms: Rooms, project_id: int, asked: PathsQuestion) -> PathsAnswer:
    """Answer a question about paths.

    Raises:
        InvalidParameter: the range, the time zone or a cohort makes no sense.
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: a store is away.
    """
    span = span_of(asked.range, asked.timezone, rooms.now())
    which = PathsAsked(
        asked.by,
        asked.from_step,
        asked.to_step,
        asked.depth,
        asked.limit,
        microseconds_of(asked.gap),
        asked.filter,
    )
    as_of, scope = await open_question(rooms, project_id, asked)
    rows, names = await _flow(rooms, which, scope, span)
    return PathsAnswer(nodes=_nodes(rows, names), links=_links(rows, names), as_of=as_of)


async def _flow(
    rooms: Rooms, which: PathsAsked, scope: Scope, span: Span
) -> tuple[list[PathRow], dict[int, str]]:
    """Return links, and the text behind each number of a name."""

    async def ask(statement: str, row: type[_Row]) -> list[_Row]:
        return await rooms.columns.rows(statement, scope.bindings.parameters, row)

    by_event = which.by == BY_EVENT
    known = await ask(names_of_events_statement(scope, span) if by_event else OWN_NAMES, NameRow)
    texts = {row.name: row.text for row in known}
    if by_event and not {which.from_step, which.to_step} - {None} <= set(texts.values()):
        return [], {}
    hashes = list(texts) if by_event else None
    packing = packing_of(hashes, span.start_micros, span.end_micros, which.gap_micros)
    ties = await ask(few_tied_statement(relation_of_ties(which, scope, span), scope.bindings), InstantRow)
    relation = paths_relation(which, scope, span, packing, ties)
    frequent = await ask(frequent_links_statement(which, scope, relation), FrequentRow)
    # An event of a name that nobody knew a moment ago may have come since: it is one of the others.
    targets = {row.link: name for row in frequent if (name := packing.hash_of(row.target)) is not None}
    if not targets:
        return [], {}
    if theirs := sorted(set(targets.values()) - texts.keys()):
        found = await ask(names_statement(which, scope, span, theirs), NameRow)
        texts |= {row.name: row.text for row in found}
    numbers = {
        text: number for number, text in enumerate({OTHER, *(texts[name] for name in targets.values())}, 1)
    }
    kept = {link: numbers[texts[name]] for link, name in targets.items()}
    rows = await ask(paths_statement(which, scope, relation, kept, numbers[OTHER]), PathRow)
    return rows, {number: text for text, number in numbers.items()}


def _nodes(rows: list[PathRow], names: dict[int, str]) -> list[PathNode]:
    people: Counter[tuple[int, int]] = Counter()
    for row in rows:
        people[row.step, row.target] += row.arriving
    nodes = [
        PathNode(id=f"{step}:{names[name]}", step=step, name=names[name], people=count)
        for (step, name), count in people.items()
    ]
    return sorted(nodes, key=lambda node: (node.step, -node.people, node.name))


def _links(rows: list[PathRow], names: dict[int, str]) -> list[PathLink]:
    links = [
        (
            row.step,
            PathLink(
                source=f"{row.step - 1}:{names[row.source]}",
                target=f"{row.step}:{names[row.target]}",
                people=row.people,
                median_seconds=row.median_seconds or 0,
            ),
        )
        for row in rows
        # A path's first step has no link that leads to it.
        if row.source
    ]
    return [
        link
        for _, link in sorted(
            links, key=lambda each: (each[0], -each[1].people, each[1].source, each[1].target)
        )
    ]
