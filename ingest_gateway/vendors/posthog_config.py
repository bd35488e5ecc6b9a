"""What PostHog's SDKs ask beside sending events, answered so that they need nothing else."""

from typing import Any

_NOTHING_MORE = {
    "supportedCompression": ["gzip", "gzip-js"],  # Without it the browser's SDK stops compressing.
    "hasFeatureFlags": False,
    "analytics": {"endpoint": "/e/"},
    "autocapture_opt_out": False,  # Without a boolean here new visitors' clicks are not captured.
    "capturePerformance": False,
    "autocaptureExceptions": False,
    "captureDeadClicks": False,
    "heatmaps": False,
    "surveys": False,
    "sessionRecording": False,
    "siteApps": [],
    "defaultIdentifiedOnly": True,
    "elementsChainAsString": True,
    "isAuthenticated": False,
    "toolbarParams": {},
}


def config_of(token: str) -> dict[str, Any]:
    """Return the remote configuration of a project: nothing but events."""
    return {"token": token, **_NOTHING_MORE}


def flags_answer(request_id: str, token: str | None) -> dict[str, Any]:
    """Return the answer to ``/flags`` and ``/decide``: there are none.

    Args:
        request_id: a UUID.
        token: of the project, where the configuration was asked for too.
    """
    flags = {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
        "requestId": request_id,
    }
    return flags if token is None else config_of(token) | flags
