"""Segment's ``context`` of an event, as properties under the names that our own SDKs use."""

from typing import Any

from ingest_gateway.vendors.opened import id_text

_NAMES = {
    ("ip",): "$ip",
    ("userAgent",): "$user_agent",
    ("locale",): "$locale",
    ("timezone",): "$timezone",
    ("library", "name"): "$lib",
    ("library", "version"): "$lib_version",
    ("page", "url"): "$current_url",
    ("page", "path"): "$pathname",
    ("page", "referrer"): "$referrer",
    ("page", "title"): "$title",
    ("campaign", "name"): "utm_campaign",
    ("campaign", "source"): "utm_source",
    ("campaign", "medium"): "utm_medium",
    ("campaign", "term"): "utm_term",
    ("campaign", "content"): "utm_content",
    ("app", "name"): "$app_name",
    ("app", "version"): "$app_version",
    ("app", "build"): "$app_build",
    ("app", "namespace"): "$app_namespace",
    ("device", "id"): "$device_id",
    ("device", "manufacturer"): "$device_manufacturer",
    ("device", "model"): "$device_model",
    ("device", "type"): "$device_type",
    ("os", "name"): "$os",
    ("os", "version"): "$os_version",
    ("screen", "width"): "$screen_width",
    ("screen", "height"): "$screen_height",
}
_DROPPED = {("page", "search"), ("sessionId",), ("groupId",)}
"""Part of another value, or told elsewhere."""


def context_properties(context: dict[str, Any]) -> dict[str, Any]:
    """Return the properties; what has no name of ours stays under ``$context``."""
    properties: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in context.items():
        if not isinstance(value, dict) or name not in _GROUPS:
            _put((name,), value, properties, rest)
            continue
        unnamed: dict[str, Any] = {}
        for inner, detail in value.items():
            _put((name, inner), detail, properties, unnamed)
        if unnamed:
            rest[name] = unnamed
    group = id_text(context.get("groupId"))
    if group is not None:
        properties["$groups"] = {"group": group}
    if rest:
        properties["$context"] = rest
    return properties


_GROUPS = {path[0] for path in _NAMES if len(path) == 2}


def _put(path: tuple[str, ...], value: Any, properties: dict[str, Any], rest: dict[str, Any]) -> None:
    if path in _NAMES:
        if value not in (None, ""):
            properties[_NAMES[path]] = value
    elif path not in _DROPPED:
        rest[path[-1]] = value
