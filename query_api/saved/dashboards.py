"""Dashboards: pages of tiles that a project keeps."""

import json
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from query_api.errors import InvalidParameter, NotFound
from query_api.models import Answer, Parameters
from query_api.rooms import Rooms
from query_api.saved.tiles import Tile, TileChart, TileKind, check_tile

MAX_DASHBOARDS = 100
MAX_TILES = 50
_COLUMNS = """dashboard_id, name, tiles, updated_at,
    EXISTS (SELECT FROM shares WHERE shares.dashboard_id = dashboards.dashboard_id)"""
_LIST = f"SELECT {_COLUMNS} FROM dashboards WHERE project_id = %(project_id)s ORDER BY name, dashboard_id"
_ONE = (
    f"SELECT {_COLUMNS} FROM dashboards WHERE project_id = %(project_id)s AND dashboard_id = %(dashboard_id)s"
)
# One too many may slip in when two are added at once; the bound is there for memory's sake.
_ADD = f"""
INSERT INTO dashboards (project_id, name, tiles)
SELECT %(project_id)s, %(name)s, %(tiles)s::jsonb
WHERE (SELECT count(*) FROM dashboards WHERE project_id = %(project_id)s) < {MAX_DASHBOARDS}
RETURNING {_COLUMNS}
"""
_CHANGE = f"""
UPDATE dashboards SET name = %(name)s, tiles = %(tiles)s::jsonb, updated_at = now()
WHERE project_id = %(project_id)s AND dashboard_id = %(dashboard_id)s
RETURNING {_COLUMNS}
"""
_REMOVE = """
DELETE FROM dashboards WHERE project_id = %(project_id)s AND dashboard_id = %(dashboard_id)s
RETURNING dashboard_id
"""
_NUMBER = Field(ge=1, le=2**31 - 1, description="Number of the dashboard.", examples=[1])


class DashboardsParameters(Parameters):
    """The list of dashboards takes no parameters."""


class DashboardParameters(Parameters):
    """Which dashboard."""

    dashboard_id: int = _NUMBER


class NewDashboard(Parameters):
    """A dashboard to keep."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Growth",
                    "tiles": [
                        {
                            "title": "Signups",
                            "kind": "funnels",
                            "question": {"steps": [{"event": "page_view"}, {"event": "sign_up"}]},
                            "width": 2,
                        }
                    ],
                }
            ]
        }
    )

    name: str = Field(min_length=1, max_length=200, examples=["Growth"])
    tiles: tuple[Tile, ...] = Field(default=(), max_length=MAX_TILES)


class ChangedDashboard(NewDashboard):
    """What a dashboard is to be from now on."""

    dashboard_id: int = _NUMBER


class Dashboard(Answer):
    """A page of tiles."""

    dashboard_id: int
    name: str
    tiles: list[Tile]
    updated_at: datetime
    shared: bool = Field(description="Whether there is a link that shows it to whoever has it.")


class DashboardsAnswer(Answer):
    """All dashboards of the project, by name."""

    dashboards: list[Dashboard]


class DashboardRemoved(Answer):
    """The dashboard is gone, and the link to it."""

    dashboard_id: int


async def list_dashboards(rooms: Rooms, project_id: int, _: DashboardsParameters) -> DashboardsAnswer:
    """Return all dashboards.

    Raises:
        StoreUnavailable: PostgreSQL is away.
    """
    rows = await rooms.postgres.rows(_LIST, {"project_id": project_id})
    return DashboardsAnswer(dashboards=[_shown(row) for row in rows])


async def read_dashboard(rooms: Rooms, project_id: int, asked: DashboardParameters) -> Dashboard:
    """Return one dashboard.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    bound = {"project_id": project_id, "dashboard_id": asked.dashboard_id}
    return _only(await rooms.postgres.rows(_ONE, bound), asked.dashboard_id)


async def add_dashboard(rooms: Rooms, project_id: int, asked: NewDashboard) -> Dashboard:
    """Keep a dashboard.

    Raises:
        InvalidParameter: a tile asks what cannot be answered, or there are as many as there may be.
        StoreUnavailable: PostgreSQL is away.
    """
    rows = await rooms.postgres.rows(_ADD, {"project_id": project_id, **_stored(asked)})
    if not rows:
        raise InvalidParameter(f"a project may have {MAX_DASHBOARDS} dashboards; remove one first")
    return _shown(rows[0])


async def change_dashboard(rooms: Rooms, project_id: int, asked: ChangedDashboard) -> Dashboard:
    """Put another name and other tiles in place.

    Raises:
        InvalidParameter: a tile asks what cannot be answered.
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    bound = {"project_id": project_id, "dashboard_id": asked.dashboard_id, **_stored(asked)}
    return _only(await rooms.postgres.rows(_CHANGE, bound), asked.dashboard_id)


async def remove_dashboard(rooms: Rooms, project_id: int, asked: DashboardParameters) -> DashboardRemoved:
    """Forget a dashboard.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    bound = {"project_id": project_id, "dashboard_id": asked.dashboard_id}
    if not await rooms.postgres.rows(_REMOVE, bound):
        raise no_such_dashboard(asked.dashboard_id)
    return DashboardRemoved(dashboard_id=asked.dashboard_id)


def no_such_dashboard(dashboard_id: int) -> NotFound:
    """Return the error for a number that no dashboard of the project has."""
    return NotFound(f"there is no dashboard {dashboard_id} in this project", field="dashboard_id")


def _only(rows: list[tuple[Any, ...]], dashboard_id: int) -> Dashboard:
    if not rows:
        raise no_such_dashboard(dashboard_id)
    return _shown(rows[0])


def _stored(asked: NewDashboard) -> dict[str, Any]:
    for index, tile in enumerate(asked.tiles):
        check_tile(tile, f"tiles.{index}")
    return {
        "name": asked.name,
        "tiles": json.dumps([tile.model_dump(mode="json") for tile in asked.tiles]),
    }


def stored_tile(stored: dict[str, Any]) -> Tile:
    """Return a tile as it was kept. Its question was sound then; it is looked at again when it is asked."""
    chart = stored.get("chart")
    enums = {"kind": TileKind(stored["kind"]), "chart": None if chart is None else TileChart(chart)}
    return Tile.model_construct(**{**stored, **enums})


def _shown(row: tuple[Any, ...]) -> Dashboard:
    dashboard_id, name, tiles, updated_at, shared = row
    return Dashboard.model_construct(
        dashboard_id=dashboard_id,
        name=name,
        tiles=[stored_tile(tile) for tile in tiles],
        updated_at=updated_at,
        shared=shared,
    )
