"""Ports: free ones, and who sits on the others."""

import os
import socket

import pytest

from smolhog.errors import PortTaken
from smolhog.ports import WantedPort, check_ports, free_ports, port_problem


def gateway(port: int, host: str = "127.0.0.1") -> WantedPort:
    """A port wanted for the gateway."""
    return WantedPort("gateway", "SMOLHOG_GATEWAY_PORT", host, port)


def test_a_taken_port_names_who_has_it_and_the_setting_that_changes_it() -> None:
    """Someone who starts for the first time learns which port, which program, and what to set."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as taken:
            check_ports([gateway(port), gateway(free_ports())])
    assert f"port {port} (gateway) is taken by" in taken.value.message
    assert f"(pid {os.getpid()})" in taken.value.message
    assert "SMOLHOG_GATEWAY_PORT" in taken.value.advice


def test_all_problems_are_said_at_once() -> None:
    """Two taken ports give one message, not two tries."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [other.getsockname()[1] for other in (one, two)]
        with pytest.raises(PortTaken) as taken:
            check_ports([gateway(port) for port in ports])
    assert all(str(port) in taken.value.message for port in ports)


def test_an_address_of_another_machine_is_said_clearly() -> None:
    """A host that is not this machine's cannot be listened on, which is no matter of ports."""
    problem = port_problem(gateway(free_ports(), host="192.0.2.1"))
    assert problem is not None
    assert "cannot be opened on 192.0.2.1" in problem


def test_free_ports_are_consecutive_and_free() -> None:
    """As many in a row as were asked for."""
    first = free_ports(4)
    assert [port_problem(gateway(port)) for port in range(first, first + 4)] == [None] * 4
