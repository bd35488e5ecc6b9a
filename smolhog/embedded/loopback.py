"""What may talk to an embedded service: this machine, and no web page.

A loopback port is within reach of every web page the user opens: by a name that resolves to 127.0.0.1 (DNS
rebinding, seen in the Host header) and by plain cross-site requests (seen in Origin and Sec-Fetch-Site, which
browsers send and database clients do not).
"""

import ipaddress
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from smolhog.embedded.errors import NotLoopbackError


def is_loopback(host: str) -> bool:
    """Whether `host`, an address or `localhost`, is this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def refusal(peer: str | None, headers: Mapping[str, str]) -> str | None:
    """Why a request must not be served, or None.

    Args:
        peer: the client's address, None when the server does not know it.
        headers: with lower-case names.
    """
    if peer is None or not is_loopback(peer):
        return f"Requests are taken from this machine only, not from {peer}"
    host = headers.get("host", "")
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    if not is_loopback(name):
        return f"The Host header names {name!r}, this server answers to loopback names only"
    if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "Web pages may not query this server"
    return None


def bind_loopback(host: str, port: int) -> socket.socket:
    """A listening TCP socket on a loopback address; port 0 takes a free one.

    Raises:
        NotLoopbackError: `host` is not a loopback address.
        OSError: the port is taken.
    """
    if not is_loopback(host):
        raise NotLoopbackError(
            f"--host {host}: the embedded server listens on loopback addresses only (127.0.0.1, ::1, localhost)"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def write_port_file(file: Path, port: int) -> None:
    """Tell a supervisor the chosen port: the file appears whole, or not at all."""
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    partial.write_text(f"{port}\n")
    partial.replace(file)
