"""Where the gateway is, and how patient to be with it."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from smolhog_client.options import Settings

_SECURE = {"ws": False, "wss": True, "http": False, "https": True}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Of one gateway; times in seconds."""

    host: str
    """With its port, as in a URL."""
    path: str
    """Before the protocol's own paths; empty or ``/like/this``."""
    is_secure: bool
    write_key: str
    sdk: str
    ack_timeout: float
    keepalive: float
    """Between two pings, and until a missing pong ends the connection."""
    proxy: str | None
    open_timeout: float
    http_period: float
    """How long HTTP does before a WebSocket is tried again."""

    @property
    def stream_url(self) -> str:
        """Of the WebSocket."""
        return urlunsplit(("wss" if self.is_secure else "ws", self.host, f"{self.path}/v1/stream", "", ""))

    @property
    def batch_url(self) -> str:
        """Of batches over HTTP."""
        return urlunsplit(("https" if self.is_secure else "http", self.host, f"{self.path}/v1/batch", "", ""))


def parse_endpoint(url: str, write_key: str, sdk: str, settings: Settings) -> Endpoint:
    """Read a gateway's address: ``ws``, ``wss``, ``http`` or ``https``, which say no more than encrypted or not.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SECURE or not parts.hostname:
        raise ValueError(f"url must be like ws://host:8400 or https://host, not {url!r}")
    return Endpoint(
        parts.netloc,
        parts.path.rstrip("/"),
        _SECURE[parts.scheme],
        write_key,
        sdk,
        settings.ack_timeout,
        settings.keepalive,
        settings.proxy,
        settings.open_timeout,
        settings.http_period,
    )
