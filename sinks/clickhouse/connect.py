"""How SmolHog's processes talk to ClickHouse, real or embedded."""

from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

DEFAULT_DATABASE = "smolhog"
_SETTINGS = {
    # On a cluster (cluster.py); one server takes no notice.
    # An insert returns when all shards have it, and each row goes to the shard that its table says.
    "distributed_foreground_insert": 1,
    "parallel_distributed_insert_select": 0,
    # What a question looks up in a second table is looked up on all shards.
    "distributed_product_mode": "global",
    # The same replica as long as it lives: others may be a moment behind what was just written.
    "load_balancing": "in_order",
}


def connection_arguments(url: str) -> dict[str, Any]:
    """Turn ``http[s]://[user[:password]@]host[:port][/database]`` into arguments of a client."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or (8443 if secure else 8123),
        "secure": secure,
        "username": unquote(parts.username) if parts.username else "default",
        "password": unquote(parts.password or ""),
        "database": parts.path.strip("/") or DEFAULT_DATABASE,
        # Sessions would serialise the queries of one client, and nothing here needs SET.
        "autogenerate_session_id": False,
        "settings": dict(_SETTINGS),
    }


def connect(url: str, *, database: str | None = None, timeout_seconds: float = 30) -> Client:
    """Open a client; ``database`` overrides the one in the URL.

    Raises:
        clickhouse_connect.driver.exceptions.OperationalError: the server cannot be reached.
    """
    arguments = connection_arguments(url)
    if database is not None:
        arguments["database"] = database
    return clickhouse_connect.get_client(
        **arguments, connect_timeout=min(5, timeout_seconds), send_receive_timeout=timeout_seconds
    )
