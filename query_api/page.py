"""The dashboard page: built files that are the same for everybody.

The page holds no data; it asks the query API with the key that its visitor gives it. Its addresses
(``/trends``, ``/users/…``) are the page's own: all of them get the same document, which looks at the
address itself.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

DIST = Path(__file__).parent / "dashboard" / "dist"

PAGE_PATHS = (
    "/",
    "/live",
    "/dashboards",
    "/dashboards/{dashboard_id}",
    "/trends",
    "/funnels",
    "/retention",
    "/paths",
    "/sessions",
    "/users",
    "/users/{person_id}",
    "/cohorts",
    "/sql",
    "/rejected",
    "/pipeline",
    "/shared/{token}",
)

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
# Only what came with the page is run, and it talks to nobody but this server.
_DOCUMENT_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Its files change names when they change; the document says which there are now.
    "cache-control": "no-cache",
}
_FILE_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "cross-origin-resource-policy": "same-origin",
}
_PORT = re.compile(r'(<meta name="smolhog-gateway-port" content=")\d+')
_NOT_BUILT = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>SmolHog</title>
<h1>SmolHog is running; its dashboard was not built</h1>
<p>In the folder that SmolHog was installed from, run <code>make page</code>, then reload this page.</p>
<p>The query API answers all the same, under <code>/analytics/</code>.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str


def page_routes(gateway_port: int = 8400, dist: Path = DIST) -> list[Route]:
    """Return the routes of the page; :func:`query_api.app.create_app` adds them.

    Args:
        gateway_port: where events go when nothing stands in front of the servers; for the examples
            that the page shows.
        dist: the built files. They may be missing: then the page says how to build them.
    """
    page = _Page(gateway_port, dist)
    return [
        *(Route(path, page.document, methods=["GET"], include_in_schema=False) for path in PAGE_PATHS),
        Route("/theme.js", page.theme, methods=["GET"], include_in_schema=False),
        Route("/assets/{name}", page.asset, methods=["GET"], include_in_schema=False),
    ]


class _Page:
    """The files in memory: a few hundred kilobytes, read when they are first asked for."""

    def __init__(self, gateway_port: int, dist: Path) -> None:
        self._gateway_port = gateway_port
        self._dist = dist
        self._files: dict[str, _File] = {}
        self._built = 0

    async def document(self, _: Request) -> Response:
        self._look()
        found = self._files.get("index.html")
        if found is None:
            return Response(_NOT_BUILT, 503, _DOCUMENT_HEADERS, media_type="text/html")
        return Response(found.body, headers=_DOCUMENT_HEADERS, media_type=found.media_type)

    async def theme(self, _: Request) -> Response:
        return self._file("theme.js", {"cache-control": "no-cache"})

    async def asset(self, request: Request) -> Response:
        return self._file(f"assets/{request.path_params['name']}", _FILE_HEADERS)

    def _file(self, name: str, headers: dict[str, str]) -> Response:
        self._look()
        # Looked up among the files that were read, so no name reaches the file system.
        found = self._files.get(name)
        if found is None:
            return Response("There is no such file.", 404, media_type="text/plain")
        return Response(found.body, headers=headers, media_type=found.media_type)

    def _look(self) -> None:
        """Read the files, again after a new build: they belong together."""
        index = self._dist / "index.html"
        try:
            built = index.stat().st_mtime_ns
        except OSError:
            return  # not built yet, or being built
        if built == self._built:
            return
        files = {
            f"assets/{path.name}": _File(path.read_bytes(), _TYPES[path.suffix])
            for path in (self._dist / "assets").iterdir()
            if path.suffix in _TYPES
        }
        files["theme.js"] = _File((self._dist / "theme.js").read_bytes(), _TYPES[".js"])
        document = _PORT.sub(rf"\g<1>{self._gateway_port}", index.read_text())
        files["index.html"] = _File(document.encode(), "text/html; charset=utf-8")
        # Tabs that are open still ask for the files of the build before.
        self._files = {**self._files, **files}
        self._built = built
