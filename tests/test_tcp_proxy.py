"""The proxy that other tests trust to break connections."""

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.tcp_proxy import TcpProxy


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    """A proxy before an echo server."""
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with TcpProxy(server.server_address[1]) as running:
            yield running
        server.shutdown()
        thread.join()


def _connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)


def _echoes(connection: socket.socket, data: bytes) -> bool:
    connection.sendall(data)
    received = b""
    while len(received) < len(data):
        chunk = connection.recv(65536)
        if not chunk:
            return False
        received += chunk
    return received == data


def _echo_until_broken(connection: socket.socket, data: bytes) -> None:
    while _echoes(connection, data):
        pass
    raise ConnectionResetError("closed without an answer")


def test_passes_bytes_both_ways(proxy: TcpProxy) -> None:
    """Without a fault the proxy is invisible."""
    with _connect(proxy) as connection:
        assert _echoes(connection, b"x" * 300_000)
    assert proxy.connections == 1


def test_cut_drops_and_refuses_until_restored(proxy: TcpProxy) -> None:
    """After cut() the open connection dies and a new one gets nowhere, until restore()."""
    with _connect(proxy) as connection:
        assert _echoes(connection, b"before")
        proxy.cut()
        with pytest.raises(ConnectionError):
            _echo_until_broken(connection, b"after")
    assert proxy.is_cut
    with pytest.raises(ConnectionError), _connect(proxy) as connection:
        _echo_until_broken(connection, b"still cut")
    proxy.restore()
    with _connect(proxy) as connection:
        assert _echoes(connection, b"restored")


def test_drop_leaves_the_door_open(proxy: TcpProxy) -> None:
    """After drop() the open connection dies, and a new one works at once."""
    with _connect(proxy) as connection:
        assert _echoes(connection, b"before")
        proxy.drop()
        with pytest.raises(ConnectionError):
            _echo_until_broken(connection, b"after")
    with _connect(proxy) as connection:
        assert _echoes(connection, b"again")


def test_stall_holds_bytes_back_and_resume_delivers_them(proxy: TcpProxy) -> None:
    """A stalled connection is open and silent; nothing sent into it is lost."""
    with _connect(proxy) as connection:
        assert _echoes(connection, b"before")
        proxy.stall()
        connection.sendall(b"held back")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.resume()
        connection.settimeout(5)
        received = b""
        while len(received) < len(b"held back"):
            received += connection.recv(64)
        assert received == b"held back"


def test_cut_after_bytes_cuts_in_the_middle(proxy: TcpProxy) -> None:
    """The wire breaks by itself once the budget is spent, and stays cut."""
    with _connect(proxy) as connection:
        proxy.cut_after_bytes(100_000)
        with pytest.raises(ConnectionError):
            _echo_until_broken(connection, b"x" * 30_000)
    assert proxy.is_cut
