"""Dashboards: pages of tiles that a project keeps."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from query_api.models import Answer, Parameters
from query_api.rooms import Rooms
from query_api.saved.shelf import Kept, Shelf
from query_api.saved.tiles import Tile, TileChart, TileKind, check_tile

MAX_TILES = 50
SHELF = Shelf(
    "dashboard",
    "tiles",
    also="EXISTS (SELECT FROM shares WHERE shares.dashboard_id = dashboards.dashboard_id)",
)
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
    kept = await SHELF.all(rooms.postgres, project_id)
    return DashboardsAnswer(dashboards=[_shown(one) for one in kept])


async def read_dashboard(rooms: Rooms, project_id: int, asked: DashboardParameters) -> Dashboard:
    """Return one dashboard.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    return _shown(await SHELF.one(rooms.postgres, project_id, asked.dashboard_id))


async def add_dashboard(rooms: Rooms, project_id: int, asked: NewDashboard) -> Dashboard:
    """Keep a dashboard.

    Raises:
        InvalidParameter: a tile asks what cannot be answered, or there are as many as there may be.
        StoreUnavailable: PostgreSQL is away.
    """
    return _shown(await SHELF.add(rooms.postgres, project_id, asked.name, _stored(asked)))


async def change_dashboard(rooms: Rooms, project_id: int, asked: ChangedDashboard) -> Dashboard:
    """Put another name and other tiles in place.

    Raises:
        InvalidParameter: a tile asks what cannot be answered.
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    stored = _stored(asked)
    return _shown(await SHELF.change(rooms.postgres, project_id, asked.dashboard_id, asked.name, stored))


async def remove_dashboard(rooms: Rooms, project_id: int, asked: DashboardParameters) -> DashboardRemoved:
    """Forget a dashboard.

    Raises:
        NotFound: there is none of that number.
        StoreUnavailable: PostgreSQL is away.
    """
    await SHELF.remove(rooms.postgres, project_id, asked.dashboard_id)
    return DashboardRemoved(dashboard_id=asked.dashboard_id)


def _stored(asked: NewDashboard) -> list[dict[str, Any]]:
    for index, tile in enumerate(asked.tiles):
        check_tile(tile, f"tiles.{index}")
    return [tile.model_dump(mode="json") for tile in asked.tiles]


def stored_tile(stored: dict[str, Any]) -> Tile:
    """Return a tile as it was kept. Its question was sound then; it is looked at again when it is asked."""
    chart = stored.get("chart")
    enums = {"kind": TileKind(stored["kind"]), "chart": None if chart is None else TileChart(chart)}
    return Tile.model_construct(**{**stored, **enums})


def _shown(kept: Kept) -> Dashboard:
    return Dashboard.model_construct(
        dashboard_id=kept.number,
        name=kept.name,
        tiles=[stored_tile(tile) for tile in kept.content],
        updated_at=kept.updated_at,
        shared=kept.also,
    )
