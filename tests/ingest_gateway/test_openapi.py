"""The gateway describes its HTTP side."""

from pathlib import Path
from typing import Any

import httpx

from ingest_gateway.vendor_routes import MIXPANEL_PATHS, POSTHOG_PATHS, SEGMENT_PATHS
from schemas.limits import Limits
from tests.ingest_gateway.running import gateway_over_sqlite
from tests.security.routes import ALL, OPEN, OPERATORS

VENDORS = {
    *(*POSTHOG_PATHS, *MIXPANEL_PATHS, *SEGMENT_PATHS),
    *("/i/v1/analytics/events", "/flags", "/decide", "/s", "/array/1/config"),
}
"""Described by their vendors, and in docs/protocol.md."""


async def test_openapi_describes_every_way_in(tmp_path: Path) -> None:
    """Each HTTP route that takes events is there, with the limits of this gateway, and every reference resolves."""
    limits = Limits(batch_events=17)
    async with gateway_over_sqlite(tmp_path, limits=limits) as gateway, httpx.AsyncClient() as client:
        document: Any = (await client.get(f"{gateway.http}/openapi.json")).json()
    ours = {a.path for a in ALL if a.server == "gateway" and a.method == "POST"} - OPEN - OPERATORS - VENDORS
    assert set(document["paths"]) == ours
    schemas = document["components"]["schemas"]
    assert schemas["Batch"]["properties"]["events"]["maxItems"] == 17
    assert {"event", "distinct_id", "timestamp", "properties"} <= set(schemas["Event"]["properties"])
    for reference in _references(document):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [reference for value in node.values() for reference in _references(value)]
    return [reference for value in node for reference in _references(value)] if isinstance(node, list) else []
