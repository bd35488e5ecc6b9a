"""Whether a project has people of several ids at all; where it has none, statements stay simple."""

from typing import NamedTuple

from query_api.columns import Columns

_HAS_PEOPLE = "SELECT 1 FROM people WHERE project_id = {project_id:UInt32} LIMIT 1"


class _One(NamedTuple):
    one: int


async def has_people(columns: Columns, project_id: int) -> bool:
    """Whether any ids of the project are linked; if not, every distinct id is a person by itself.

    Raises:
        StoreUnavailable: ClickHouse is away.
    """
    return bool(await columns.rows(_HAS_PEOPLE, {"project_id": project_id}, _One))
