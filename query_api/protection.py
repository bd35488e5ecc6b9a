"""Headers that tell browsers what not to do with an answer, and what only operators may see."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projects.insiders import OUTSIDER, is_insider
from query_api.errors import OperatorsOnly

_HEADERS = {
    # An answer is data: nothing in it is ever to be run, framed or guessed to be something else.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # A URL may hold the names of people and events.
    "referrer-policy": "no-referrer",
}


class ProtectiveHeaders:
    """Adds the headers to every HTTP answer; one that a route has set itself stays.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_protected)


def operators_only(
    endpoint: Callable[[Request], Awaitable[Response]], token: str | None
) -> Callable[[Request], Awaitable[Response]]:
    """Wrap an endpoint that answers this machine, and whoever has the token.

    Args:
        endpoint: answers them.
        token: the ``metrics_token``, if there is one.
    """

    async def guarded(request: Request) -> Response:
        address = request.client.host if request.client is not None else None
        if not is_insider(address, request.headers, token):
            raise OperatorsOnly(OUTSIDER)
        return await endpoint(request)

    return guarded
