"""What every question begins with, asked of both stores at once."""

import asyncio
from datetime import datetime

from query_api.questions.opening import open_scope
from query_api.questions.scope import Scope
from query_api.rooms import Rooms


async def open_question(
    rooms: Rooms, project_id: int, *parts: object, people: bool = True
) -> tuple[datetime | None, Scope]:
    """Return how fresh the answer is going to be (:mod:`query_api.freshness`), and the scope of the question.

    Neither is about the events themselves, so PostgreSQL and ClickHouse need not wait for each other. Arguments and
    errors as for :func:`query_api.questions.opening.open_scope`.
    """
    return await asyncio.gather(rooms.postgres.as_of(), open_scope(rooms, project_id, *parts, people=people))
