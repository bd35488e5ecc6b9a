"""What a page wants to know first: whose key it has."""

from typing import NamedTuple

from pydantic import Field

from query_api.errors import NotFound
from query_api.models import Answer, Parameters
from query_api.rooms import Rooms

_PROJECT = "SELECT name FROM projects WHERE project_id = %(project_id)s"
_ANY_EVENT = "SELECT count() FROM (SELECT 1 FROM events WHERE project_id = {project_id:UInt32} LIMIT 1)"


class MeParameters(Parameters):
    """Whose key this is takes no parameters."""


class MeAnswer(Answer):
    """The project of the key."""

    project_id: int
    project_name: str
    timezone_default: str = "UTC"
    first_event: bool = Field(description="Whether any event was stored yet.")


class _Count(NamedTuple):
    n: int


async def read_me(rooms: Rooms, project_id: int, _: MeParameters) -> MeAnswer:
    """Return the project of the key.

    Raises:
        NotFound: it was removed a moment ago.
        StoreUnavailable: a store is away.
    """
    rows = await rooms.postgres.rows(_PROJECT, {"project_id": project_id})
    if not rows:
        raise NotFound("the project of this key is gone")
    events = await rooms.columns.rows(_ANY_EVENT, {"project_id": project_id}, _Count)
    return MeAnswer(project_id=project_id, project_name=rows[0][0], first_event=events[0].n > 0)
