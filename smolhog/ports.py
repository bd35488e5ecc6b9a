"""Ports: which are free, and who sits on those that are not."""

import errno
import secrets
import socket
from dataclasses import dataclass

import psutil

from smolhog.errors import PortTaken

_LOWEST = 15_000
_HIGHEST = 32_000


@dataclass(frozen=True, slots=True)
class WantedPort:
    """A port that a process of ours is going to listen on."""

    service: str
    setting: str
    """The environment variable that changes it."""
    host: str
    port: int


def free_ports(count: int = 1, host: str = "127.0.0.1") -> int:
    """Return the first of ``count`` consecutive ports that nobody listens on now.

    They lie below those that systems hand to outgoing connections, which could take one before it is used.
    """
    while True:
        first = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST - count)
        if all(_why_not(host, port) is None for port in range(first, first + count)):
            return first


def check_ports(wanted: list[WantedPort]) -> None:
    """Make sure that all of these can be listened on.

    Raises:
        PortTaken: at least one cannot; the message names each, who has it, and the setting.
    """
    problems = [problem for port in wanted if (problem := port_problem(port)) is not None]
    if problems:
        raise PortTaken(
            "; ".join(problems),
            "Stop the other program, or choose another port: "
            + ", ".join(sorted({f"{port.setting}=…" for port in wanted if port_problem(port) is not None})),
        )


def port_problem(wanted: WantedPort) -> str | None:
    """Say why a port cannot be listened on, or return ``None`` when it can."""
    error = _why_not(wanted.host, wanted.port)
    if error is None:
        return None
    if error.errno == errno.EADDRINUSE:
        holder = _holder(wanted.port)
        return f"port {wanted.port} ({wanted.service}) is taken by {holder or 'another program'}"
    return (
        f"port {wanted.port} ({wanted.service}) cannot be opened on {wanted.host}: {error.strerror or error}"
    )


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _why_not(host: str, port: int) -> OSError | None:
    try:
        with socket.socket(_family(host)) as probe:
            # As our servers do: the last connections of a server that has just ended are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        return error
    return None


def _holder(port: int) -> str | None:
    """Name the process that listens on ``port``, if this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid is not None
            ):
                return _describe(psutil.Process(connection.pid))
    except psutil.Error:
        return None  # other users' processes are hidden on some systems, and processes come and go
    return None


def _describe(process: psutil.Process) -> str:
    # Ours are Python programs, as most others; their name says nothing.
    ours = any("smolhog" in argument for argument in process.cmdline())
    return f"{'another SmolHog, ' if ours else ''}{process.name()} (pid {process.pid})"
