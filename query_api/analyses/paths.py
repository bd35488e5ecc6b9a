"""Paths: what people do after what, as nodes and links of a flow."""

from datetime import datetime

from pydantic import ConfigDict, Field

from query_api.analyses.durations import Duration, microseconds_of
from query_api.analyses.paths_sql import (
    BY_EVENT,
    OWN_NAMES,
    FrequentRow,
    NameRow,
    PathRow,
    PathsAsked,
    frequent_links_statement,
    names_statement,
    paths_statement,
)
from query_api.models import Answer
from query_api.plan import Exactness, Source
from query_api.questions.opening import open_scope
from query_api.questions.question import Question
from query_api.questions.ranges import span_of
from query_api.rooms import Rooms
from schemas.limits import DEFAULT_LIMITS

_NAME = DEFAULT_LIMITS.name_length


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
    as_of = await rooms.postgres.as_of()
    scope = await open_scope(rooms, project_id, asked)
    statement = frequent_links_statement(which, scope, span)
    frequent = await rooms.columns.rows(statement, scope.bindings.parameters, FrequentRow)
    if not frequent:
        return PathsAnswer(nodes=[], links=[], as_of=as_of)
    statement = paths_statement(which, scope, span, [row.key for row in frequent])
    rows = await rooms.columns.rows(statement, scope.bindings.parameters, PathRow)
    names = {row.name: row.text for row in await rooms.columns.rows(OWN_NAMES, {}, NameRow)}
    if theirs := sorted({row.target for row in rows} - names.keys()):
        statement = names_statement(which, scope, span, theirs)
        found = await rooms.columns.rows(statement, scope.bindings.parameters, NameRow)
        names |= {row.name: row.text for row in found}
    return PathsAnswer(nodes=_nodes(rows, names), links=_links(rows, names), as_of=as_of)


def _nodes(rows: list[PathRow], names: dict[int, str]) -> list[PathNode]:
    nodes = [
        PathNode(
            id=f"{row.step}:{names[row.target]}", step=row.step, name=names[row.target], people=row.people
        )
        for row in rows
        if row.is_node
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
        if not row.is_node and row.source
    ]
    return [
        link
        for _, link in sorted(
            links, key=lambda each: (each[0], -each[1].people, each[1].source, each[1].target)
        )
    ]
