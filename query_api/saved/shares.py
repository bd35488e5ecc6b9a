"""Links that show one dashboard to whoever has them, without a key, and nothing else.

A token is 160 random bits. Like a key it is shown once, and only its SHA-256 is kept. It is looked up by that
digest, so how long the search takes says nothing about any token.
"""

import hashlib
import secrets
from typing import Any, NamedTuple

from pydantic import ConfigDict, Field, ValidationError

from query_api.errors import InvalidParameter, NotFound
from query_api.models import Answer, Parameters
from query_api.questions.ranges import Range
from query_api.rooms import Rooms
from query_api.saved.dashboards import SHELF, DashboardParameters, stored_tile
from query_api.saved.tiles import Tile, read_tile

# A second link puts an end to the first.
_SHARE = """
INSERT INTO shares (dashboard_id, digest)
SELECT dashboard_id, %(digest)s FROM dashboards
WHERE project_id = %(project_id)s AND dashboard_id = %(dashboard_id)s
ON CONFLICT (dashboard_id) DO UPDATE SET digest = excluded.digest, created_at = now()
RETURNING dashboard_id
"""
_UNSHARE = """
DELETE FROM shares USING dashboards
WHERE shares.dashboard_id = dashboards.dashboard_id
    AND dashboards.project_id = %(project_id)s AND dashboards.dashboard_id = %(dashboard_id)s
RETURNING shares.dashboard_id
"""
_EXISTS = """
SELECT dashboard_id FROM dashboards WHERE project_id = %(project_id)s AND dashboard_id = %(dashboard_id)s
"""
_OPEN = """
SELECT project_id, name, tiles FROM dashboards JOIN shares USING (dashboard_id) WHERE digest = %(digest)s
"""
_TOKEN = Field(min_length=1, max_length=100, description="Of the link.", examples=["sh_s_0123456789abcdef"])


class SharedParameters(Parameters):
    """Which shared dashboard."""

    token: str = _TOKEN


class SharedTileQuestion(Parameters):
    """Which tile of a shared dashboard, and, for those that can, of when."""

    token: str = _TOKEN
    index: int = Field(ge=0, le=1000, description="Place of the tile, from 0.")
    range: Range | None = Field(default=None, description="Instead of the tile's own.")
    timezone: str | None = Field(default=None, max_length=64, description="Instead of the tile's own.")


class ShareAnswer(Answer):
    """A link, shown once; one that was made before stops working."""

    token: str


class ShareRemoved(Answer):
    """Nobody can look at the dashboard without a key any more."""

    dashboard_id: int


class SharedDashboard(Answer):
    """A dashboard as whoever has the link sees it."""

    name: str
    tiles: list[Tile]


class TileAnswer(Answer):
    """The answer of the tile's analysis, as `POST /analytics/{kind}` gives it."""

    model_config = ConfigDict(extra="allow")


class _Shared(NamedTuple):
    project_id: int
    name: str
    tiles: list[Tile]


async def share_dashboard(rooms: Rooms, project_id: int, asked: DashboardParameters) -> ShareAnswer:
    """Make a link to a dashboard.

    Raises:
        NotFound: there is no such dashboard.
        StoreUnavailable: PostgreSQL is away.
    """
    token = f"sh_s_{secrets.token_hex(20)}"
    bound = {"project_id": project_id, "dashboard_id": asked.dashboard_id, "digest": _digest(token)}
    if not await rooms.postgres.rows(_SHARE, bound):
        raise SHELF.missing(asked.dashboard_id)
    return ShareAnswer(token=token)


async def unshare_dashboard(rooms: Rooms, project_id: int, asked: DashboardParameters) -> ShareRemoved:
    """Put an end to the link; no error where there is none.

    Raises:
        NotFound: there is no such dashboard.
        StoreUnavailable: PostgreSQL is away.
    """
    bound = {"project_id": project_id, "dashboard_id": asked.dashboard_id}
    if not await rooms.postgres.rows(_EXISTS, bound):
        raise SHELF.missing(asked.dashboard_id)
    await rooms.postgres.rows(_UNSHARE, bound)
    return ShareRemoved(dashboard_id=asked.dashboard_id)


async def read_shared(rooms: Rooms, _: int, asked: SharedParameters) -> SharedDashboard:
    """Return what the link shows.

    Raises:
        NotFound: there is no such link (any more).
        StoreUnavailable: PostgreSQL is away.
    """
    shared = await _open(rooms, asked.token)
    return SharedDashboard.model_construct(name=shared.name, tiles=shared.tiles)


async def read_shared_tile(rooms: Rooms, _: int, asked: SharedTileQuestion) -> Answer:
    """Answer the question that is kept in a tile of a shared dashboard.

    Raises:
        NotFound: there is no such link (any more), or no such tile.
        QueryApiError: as the analysis does.
    """
    shared = await _open(rooms, asked.token)
    if asked.index >= len(shared.tiles):
        raise NotFound(f"this dashboard has {len(shared.tiles)} tiles, from 0", field="index")
    instead: dict[str, Any] = {}
    if asked.range is not None:
        instead["range"] = asked.range
    if asked.timezone is not None:
        instead["timezone"] = asked.timezone
    try:
        return await read_tile(rooms, shared.project_id, shared.tiles[asked.index], instead)
    except ValidationError as error:
        raise InvalidParameter("this tile was made by another version; save the dashboard again") from error


async def _open(rooms: Rooms, token: str) -> _Shared:
    rows = await rooms.postgres.rows(_OPEN, {"digest": _digest(token)})
    if not rows:
        raise NotFound("this link is unknown or was taken back", field="token")
    ((project_id, name, tiles),) = rows
    return _Shared(project_id, name, [stored_tile(tile) for tile in tiles])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
