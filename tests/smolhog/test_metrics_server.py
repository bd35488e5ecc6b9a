"""A dataflow's metrics answer this machine, and others with the token."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from smolhog.metrics_server import serve_metrics

TOKEN = "a-token-for-operators"
FROM_OUTSIDE = {"X-Forwarded-For": "203.0.113.9"}


@pytest.fixture
def url() -> Iterator[str]:
    """A server with a token."""
    server = serve_metrics("127.0.0.1", 0, TOKEN)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_this_machine_needs_no_token(url: str) -> None:
    """What Prometheus reads, with its content type."""
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert "smolhog_" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (FROM_OUTSIDE, 403),
        (FROM_OUTSIDE | {"Authorization": f"Bearer {TOKEN}"}, 200),
        (FROM_OUTSIDE | {"Authorization": "Bearer wrong"}, 403),
        ({"Authorization": "Bearer wrong"}, 403),
    ],
)
def test_others_need_it(url: str, headers: dict[str, str], status: int) -> None:
    """The rule is that of the gateway and the query API."""
    answer = httpx.get(f"{url}/metrics", headers=headers)
    assert answer.status_code == status
    assert ("smolhog_events" in answer.text) == (status == 200)


def test_whether_it_lives_is_no_secret(url: str) -> None:
    """Health is open to all; nothing else is there."""
    assert httpx.get(f"{url}/health/live", headers=FROM_OUTSIDE).text == "ok\n"
    assert httpx.get(f"{url}/").status_code == 404


def test_one_that_says_nothing_keeps_nobody_else_waiting(url: str) -> None:
    """Each client has a thread of its own."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as silent:
        silent.sendall(b"GET /metrics HT")
        assert httpx.get(f"{url}/metrics").status_code == 200
