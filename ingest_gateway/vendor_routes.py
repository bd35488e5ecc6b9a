"""Where other vendors' SDKs send what: the addresses of :mod:`ingest_gateway.vendor_http`."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest_gateway.vendor_http import VendorIntake
from ingest_gateway.vendors import segment

POSTHOG_PATHS = ("/batch", "/e", "/capture", "/i/v0/e")
MIXPANEL_PATHS = ("/track", "/engage", "/import", "/groups")
"""The first two are old names of PostHog's too."""
SEGMENT_PATHS = (*(f"/v1/{call}" for call in segment.CALLS), "/v1/b", "/v1/import")
_BY_GET = frozenset({*POSTHOG_PATHS, "/track", "/engage", "/groups", "/flags", "/decide"})
"""What some SDKs, images and scripts ask with GET, the events in ``?data=``."""


def vendor_routes(vendors: VendorIntake, native: Callable[[Request], Awaitable[Response]]) -> list[Route]:
    """List the routes.

    Args:
        vendors: takes the requests.
        native: takes those to ``/v1/batch`` that are not Segment's.
    """

    async def post_batch(request: Request) -> Response:
        is_native = request.headers.get("authorization", "").lower().startswith("bearer")
        return await (native(request) if is_native else vendors.post_segment(request))

    endpoints = {
        **dict.fromkeys(POSTHOG_PATHS, vendors.post_posthog),
        **dict.fromkeys(MIXPANEL_PATHS, vendors.post_mixpanel),
        **dict.fromkeys(SEGMENT_PATHS, vendors.post_segment),
        **dict.fromkeys(("/flags", "/decide"), vendors.post_flags),
        "/i/v1/analytics/events": vendors.post_posthog_v1,
        "/s": vendors.post_recording,
        "/array/{token}/config": vendors.get_config,
        "/v1/projects/{key}/settings": vendors.get_settings,
        "/v1/batch": post_batch,
    }
    return [Route(path, endpoint, methods=_methods(path)) for path, endpoint in endpoints.items()]


def _methods(path: str) -> list[str]:
    if "{" in path:
        return ["GET"]
    return ["GET", "POST"] if path in _BY_GET else ["POST"]
