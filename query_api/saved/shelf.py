"""Where a project keeps things by name, such as cohorts and dashboards: a table of PostgreSQL for each kind.

A kind called ``thing`` has the table ``things`` with the columns ``thing_id``, ``project_id``, ``name``,
``updated_at`` and one of JSON with what is kept.
"""

import json
from datetime import datetime
from typing import Any, NamedTuple

from query_api.errors import InvalidParameter, NotFound
from query_api.freshness import Freshness

MOST = 100
"""Of a kind in a project. One too many may slip in when two are added at once; the bound is there for memory's sake."""


class Kept(NamedTuple):
    """One of the things."""

    number: int
    name: str
    content: Any
    """As JSON has it."""
    updated_at: datetime
    also: Any = None


class Shelf:
    """The things of one kind. Every method raises StoreUnavailable when PostgreSQL is away.

    Args:
        kind: what one of them is called.
        content: the column of what is kept.
        also: an expression over the table's columns that is read besides.
    """

    def __init__(self, kind: str, content: str, *, also: str = "NULL") -> None:
        self._kind, table, number = kind, f"{kind}s", f"{kind}_id"
        columns = f"{number}, name, {content}, updated_at, {also}"
        this = f"project_id = %(project_id)s AND {number} = %(number)s"
        self._all = f"SELECT {columns} FROM {table} WHERE project_id = %(project_id)s ORDER BY name, {number}"
        self._one = f"SELECT {columns} FROM {table} WHERE {this}"
        self._add = f"""
            INSERT INTO {table} (project_id, name, {content})
            SELECT %(project_id)s, %(name)s, %(content)s::jsonb
            WHERE (SELECT count(*) FROM {table} WHERE project_id = %(project_id)s) < {MOST}
            RETURNING {columns}
        """
        self._change = f"""
            UPDATE {table} SET name = %(name)s, {content} = %(content)s::jsonb, updated_at = now()
            WHERE {this}
            RETURNING {columns}
        """
        self._remove = f"DELETE FROM {table} WHERE {this} RETURNING {number}"

    async def all(self, postgres: Freshness, project_id: int) -> list[Kept]:
        """Return all that the project keeps, by name."""
        return [Kept(*row) for row in await postgres.rows(self._all, {"project_id": project_id})]

    async def one(self, postgres: Freshness, project_id: int, number: int) -> Kept:
        """Return one of them; raises NotFound."""
        bound = {"project_id": project_id, "number": number}
        return self._only(await postgres.rows(self._one, bound), number)

    async def add(self, postgres: Freshness, project_id: int, name: str, content: Any) -> Kept:
        """Keep one more; raises InvalidParameter if there are as many as there may be."""
        bound = {"project_id": project_id, "name": name, "content": json.dumps(content)}
        rows = await postgres.rows(self._add, bound)
        if not rows:
            raise InvalidParameter(f"a project may have {MOST} {self._kind}s; remove one first")
        return Kept(*rows[0])

    async def change(
        self, postgres: Freshness, project_id: int, number: int, name: str, content: Any
    ) -> Kept:
        """Put another name and content in its place; raises NotFound."""
        bound = {"project_id": project_id, "number": number, "name": name, "content": json.dumps(content)}
        return self._only(await postgres.rows(self._change, bound), number)

    async def remove(self, postgres: Freshness, project_id: int, number: int) -> None:
        """Forget one of them; raises NotFound."""
        if not await postgres.rows(self._remove, {"project_id": project_id, "number": number}):
            raise self.missing(number)

    def missing(self, number: int) -> NotFound:
        """Return the error for a number that none of them has."""
        return NotFound(f"there is no {self._kind} {number} in this project", field=f"{self._kind}_id")

    def _only(self, rows: list[tuple[Any, ...]], number: int) -> Kept:
        if not rows:
            raise self.missing(number)
        return Kept(*rows[0])
