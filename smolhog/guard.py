"""What both servers put between the network and uvicorn: limits of number, time and size for connections.

uvicorn alone waits for ever for a request's headers, keeps any number of them in memory, queues any
number of pipelined requests, and buffers without end for a client that does not read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

from smolhog.connection_limits import ConnectionLimits, Doorkeeper
from smolhog.guarded_http import GuardedHttp
from smolhog.guarded_websocket import GuardedWebSocket
from smolhog.patience import Patience


@dataclass(frozen=True)
class Guard:
    """How one server treats its connections.

    Args:
        limits: most connections.
        trusted_proxies: addresses and networks whose ``X-Forwarded-For`` is believed, with commas between;
            ``*`` for all, ``None`` for none.
        patience: how long a client may take.
    """

    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    trusted_proxies: str | None = None
    patience: Patience = field(default_factory=Patience)

    def uvicorn_options(self) -> dict[str, Any]:
        """Return the arguments of ``uvicorn.Config`` that put the guard in place."""
        doorkeeper = Doorkeeper(self.limits, proxy_test(self.trusted_proxies))
        return {
            "http": partial(GuardedHttp, doorkeeper, self.patience),
            "ws": partial(GuardedWebSocket, doorkeeper, self.patience),
            "proxy_headers": self.trusted_proxies is not None,
            "forwarded_allow_ips": self.trusted_proxies or "",
            "timeout_keep_alive": self.patience.idle_seconds,
            # The key of whoever asks may stand in a query string by mistake.
            "access_log": False,
            "log_config": None,
            "server_header": False,
            "headers": [("X-Content-Type-Options", "nosniff")],
        }


def proxy_test(trusted: str | None) -> Callable[[str], bool]:
    """Return the test whether an address is a trusted proxy's.

    Raises:
        ValueError: one of them is neither an address nor a network.
    """
    names = [name.strip() for name in (trusted or "").split(",") if name.strip()]
    if "*" in names:
        return lambda _: True
    networks = [ip_network(name, strict=False) for name in names]

    def is_proxy(address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in networks)

    return is_proxy
