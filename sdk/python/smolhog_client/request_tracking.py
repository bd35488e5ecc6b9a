"""What the middlewares tell of a request: only what the program opted in to, and never a body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RequestProperty = Literal[
    "method", "path", "route", "status", "duration_ms", "host", "referrer", "user_agent", "ip"
]
"""``path`` may hold ids of people, ``referrer``, ``user_agent`` and ``ip`` are personal data."""


@dataclass(frozen=True, slots=True)
class TrackedRequest:
    """A request that is over, as every framework knows it."""

    method: str
    path: str
    route: str | None
    """The pattern that matched, e.g. ``/orders/{id}``."""
    status: int
    """500 where the program raised."""
    seconds: float
    headers: Mapping[str, str]
    """By lower-case name."""
    ip: str | None

    def properties(self, wanted: frozenset[RequestProperty]) -> dict[str, Any]:
        """Give the wanted properties that are known."""
        known: dict[RequestProperty, Any] = {
            "method": self.method,
            "path": self.path,
            "route": self.route,
            "status": self.status,
            "duration_ms": round(self.seconds * 1000, 3),
            "host": self.headers.get("host"),
            "referrer": self.headers.get("referer"),
            "user_agent": self.headers.get("user-agent"),
            "ip": self.ip,
        }
        return {
            _NAMES.get(name, name): value
            for name, value in known.items()
            if name in wanted and value is not None
        }


_NAMES: Mapping[RequestProperty, str] = {"referrer": "$referrer", "user_agent": "$user_agent", "ip": "$ip"}
"""Where SmolHog gives a name its meaning."""

DEFAULT_PROPERTIES: frozenset[RequestProperty] = frozenset({"method", "route", "status", "duration_ms"})
"""Nothing that tells of a person."""
EVENT = "http_request"
ANONYMOUS = "$server"
"""The distinct id of requests of nobody known."""
