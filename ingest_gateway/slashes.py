"""Addresses with a slash at their end are those without: SDKs write both, and follow no redirect when posting."""

from starlette.types import ASGIApp, Receive, Scope, Send


class SlashesOff:
    """Takes slashes off the end of a request's path.

    Args:
        app: sees the path without them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)
