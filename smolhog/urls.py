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


def dashboard_url(settings: Settings, read_key: str | None = None, *, last: str | None = None) -> str:
    """Return the address of the dashboard.

    Args:
        settings: where the query API is, which serves it.
        read_key: opens a project at once. After ``#``, it is never sent to a server or kept in a log of
            one; the page takes it out of the address and remembers it.
        last: how far back the page looks at first, such as ``30m``; the page's own choice if not given.
    """
    question = "" if last is None else f"?from=-{last}"
    return f"{query_url(settings)}/{question}" + (f"#key={read_key}" if read_key is not None else "")
