"""What Segment's SDK for browsers asks before it sends events, answered so that it needs nothing else."""

from typing import Any

_ALLOWED = {"__default": {"enabled": True, "integrations": {}}}


def settings_of(write_key: str, scheme: str, host: str) -> dict[str, Any]:
    """Return the settings of a source: events go where the settings came from, and nowhere else.

    Args:
        write_key: of the project.
        scheme: of the request for the settings.
        host: likewise, with its port.
    """
    here = {
        "apiKey": write_key,
        "apiHost": f"{host}/v1",
        "protocol": scheme,
        "unbundledIntegrations": [],
        "addBundledMetadata": False,
        "maybeBundledConfigIds": {},
        "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
    }
    return {
        "integrations": {"Segment.io": here},
        "plan": {"track": _ALLOWED, "identify": _ALLOWED, "group": _ALLOWED},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }
