"""Where a person finds the servers."""

from smolhog.probes import reachable_host
from smolhog.settings import Settings


def _http(host: str, port: int) -> str:
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def gateway_url(settings: Settings) -> str:
    """Return the gateway's address for HTTP; for WebSocket it begins with ``ws``."""
    return _http(settings.gateway_host, settings.gateway_port)


def query_url(settings: Settings) -> str:
    """Return the address of the query API."""
    return _http(settings.query_host, settings.query_port)
