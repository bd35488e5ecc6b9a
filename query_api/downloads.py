"""Serves files: at most a few at a time, each no faster than its reader."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from query_api.analytics_route import Download, DownloadRoute
from query_api.authorisation import project_of
from query_api.errors import QueryApiError, StoreUnavailable
from query_api.parameters import parse_body, parse_parameters, read_body
from query_api.rooms import Rooms
from smolhog.metrics import QUERIES_REFUSED

MAX_DOWNLOADS = 4
"""At a time; each keeps a statement open in the store."""


def download_routes(rooms: Rooms, downloads: Iterable[DownloadRoute]) -> list[Route]:
    """Return the routes of the table."""
    turns = asyncio.Semaphore(MAX_DOWNLOADS)
    return [
        Route(f"/analytics/{route.path}", _endpoint(rooms, route, turns), methods=[route.method])
        for route in downloads
    ]


def _endpoint(
    rooms: Rooms, route: DownloadRoute, turns: asyncio.Semaphore
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            project_id = project_of(request.headers, rooms.keys)
            if route.method == "GET":
                named = [*request.path_params.items(), *request.query_params.multi_items()]
                asked = parse_parameters(route.question, named)
            else:
                asked = parse_body(route.question, await read_body(request), request.path_params)
            if turns.locked():
                raise StoreUnavailable(f"{MAX_DOWNLOADS} files are on their way already; try again soon")
            await turns.acquire()
            try:
                download = await route.open(rooms, project_id, asked)
            except BaseException:
                turns.release()
                raise
        except QueryApiError as error:
            QUERIES_REFUSED.labels(route.name, error.code).inc()
            raise
        return _OnItsWay(download, turns)

    return endpoint


class _OnItsWay(StreamingResponse):
    """A file; however its sending ends, the statement in the store ends too, and the turn is given back."""

    def __init__(self, download: Download, turns: asyncio.Semaphore) -> None:
        super().__init__(
            download.pieces,
            media_type=download.media_type,
            headers={
                "cache-control": "no-store",
                "content-disposition": f'attachment; filename="{download.name}"',
            },
        )
        self._pieces = download.pieces
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turns.release()
            await self._pieces.aclose()
