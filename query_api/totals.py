"""The totals of a project: SmolHog's first question, over all time."""

import asyncio
from typing import NamedTuple

from query_api.models import EventCount, StatsAnswer, StatsParameters
from query_api.rooms import Rooms
from query_api.sql import TOTALS_BY_EVENT, UNIQUE_USERS

TOP_EVENTS = 10


class _EventTotal(NamedTuple):
    event: str
    n: int


class _Users(NamedTuple):
    n: int


async def read_totals(rooms: Rooms, project_id: int, _: StatsParameters) -> StatsAnswer:
    """Return the totals: events exactly, distinct users as the union of the days' sets, within about 1 %.

    Raises:
        QueryTooExpensive: the store gave up at its limits.
        StoreUnavailable: the store is away.
    """
    as_of = await rooms.postgres.as_of()
    bound = {"project_id": project_id}
    totals, users = await asyncio.gather(
        rooms.columns.rows(TOTALS_BY_EVENT, bound, _EventTotal),
        rooms.columns.rows(UNIQUE_USERS, bound, _Users),
    )
    return StatsAnswer(
        total_events=sum(total.n for total in totals),
        unique_users=users[0].n,
        top_events=[EventCount(event=total.event, count=total.n) for total in totals[:TOP_EVENTS]],
        as_of=as_of,
    )
