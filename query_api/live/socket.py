"""``/analytics/live``: the WebSocket of the live stream."""

import asyncio
from contextlib import suppress

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from projects.keys import KeyKind
from query_api.authorisation import project_of
from query_api.errors import InvalidParameter, QueryApiError, Unauthorized
from query_api.live.feed import Feed
from query_api.live.frames import Watch, error_frame, parse_hello, parse_watch
from query_api.live.subscriber import Subscriber
from query_api.questions.filter_sql import filter_sql
from query_api.questions.opening import open_scope
from query_api.rooms import Rooms
from smolhog.connection_limits import Tally

_log = structlog.get_logger()
HELLO_SECONDS = 5.0
REVOCATION_SECONDS = 2.0
"""Time between two looks at the key of a connection."""
MAX_STREAMS = 1_000
STREAMS_A_PROJECT = 100
"""Each may have a filter of its own, which the store evaluates several times a second."""
_TRY_AGAIN_LATER = 1013
# As the gateway's: 4000 and the status that HTTP has for it.
_OF_STATUS = 4000
_HELLO_TIMEOUT = 4408


def live_route(rooms: Rooms) -> WebSocketRoute:
    """Return the route; its streams share one feed."""
    streams = Streams(rooms)
    return WebSocketRoute("/analytics/live", streams.endpoint)


class Streams:
    """All connections.

    Args:
        rooms: the stores and the keys.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._feed = Feed(rooms)
        self._open = Tally(MAX_STREAMS)
        self._of_project = Tally(STREAMS_A_PROJECT)

    async def endpoint(self, websocket: WebSocket) -> None:
        """Serve one connection for as long as it lasts."""
        await websocket.accept()
        if not self._open.enter("all"):
            await _end(
                websocket, _TRY_AGAIN_LATER, "overloaded", "too many streams are open; try again later"
            )
            return
        try:
            await self._serve(websocket)
        except QueryApiError as error:
            code = _OF_STATUS + error.status if error.status < 500 else _TRY_AGAIN_LATER
            await _end(websocket, code, error.code, error.message)
        except WebSocketDisconnect:
            pass
        finally:
            self._open.leave("all")

    async def _serve(self, websocket: WebSocket) -> None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = parse_hello(await _text(websocket))
        except TimeoutError:
            message = f"say hello within {HELLO_SECONDS:g} seconds"
            await _end(websocket, _HELLO_TIMEOUT, "hello_timeout", message)
            return
        headers = {"authorization": f"Bearer {hello.key}"}
        if (origin := websocket.headers.get("origin")) is not None:
            headers["origin"] = origin
        project_id = project_of(headers, self._rooms.keys)
        if not self._of_project.enter(project_id):
            await _end(
                websocket, _TRY_AGAIN_LATER, "overloaded", "too many streams of this project; try again later"
            )
            return
        try:
            watch = Watch(filter=hello.filter, events=hello.events)
            await self._check(project_id, watch)
            subscriber = Subscriber(project_id, watch)
            async with self._feed.subscribed(subscriber):
                await websocket.send_text('{"type":"welcome"}')
                await self._talk(websocket, subscriber, hello.key)
        finally:
            self._of_project.leave(project_id)

    async def _talk(self, websocket: WebSocket, subscriber: Subscriber, key: str) -> None:
        """Read, write and look at the key until one of them ends."""
        tasks = [
            asyncio.create_task(self._listen(websocket, subscriber)),
            asyncio.create_task(_write(websocket, subscriber)),
            asyncio.create_task(self._watch_key(subscriber, key)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        while True:
            watch = parse_watch(await _text(websocket))
            await self._check(subscriber.project_id, watch)
            subscriber.watch = watch

    async def _check(self, project_id: int, watch: Watch) -> None:
        """Refuse a filter that nobody can answer, such as one with a cohort that there is not."""
        filter_sql(watch.filter, await open_scope(self._rooms, project_id, watch))

    async def _watch_key(self, subscriber: Subscriber, key: str) -> None:
        while True:
            await asyncio.sleep(REVOCATION_SECONDS)
            if self._rooms.keys.find(key, KeyKind.READ) is None:
                subscriber.fail(Unauthorized("this key was revoked"))


async def _write(websocket: WebSocket, subscriber: Subscriber) -> None:
    while True:
        frames = await subscriber.take()
        if subscriber.error is not None:
            raise subscriber.error
        for frame in frames:
            await websocket.send_text(frame.__pydantic_serializer__.to_json(frame).decode())


async def _text(websocket: WebSocket) -> str:
    """Return the next frame; raises WebSocketDisconnect when there is none."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if text is None:
        raise InvalidParameter("frames are JSON text")
    return str(text)


async def _end(websocket: WebSocket, status: int, code: str, message: str) -> None:
    # Who has gone already need not be told.
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(error_frame(code, message))
        await websocket.close(status)
    _log.info("live stream ended", code=code)
