"""What is open to whom, from which address."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from projects.insiders import is_insider, is_loopback
from smolhog.settings import Settings
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer
from tests.security.routes import ALL, OPERATORS, Address
from tests.security.servers import Servers, running_servers

TOKEN = "a-token-for-operators-only"
OUTSIDE = "203.0.113.9"


@pytest.fixture(scope="module")
def exposed(
    postgres_server: PostgresServer,
    clickhouse_server: ClickHouseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Servers]:
    """Servers that listen on every address, with a token for operators, behind a proxy that they trust."""
    settings = {
        "SMOLHOG_GATEWAY_HOST": "0.0.0.0",
        "SMOLHOG_QUERY_HOST": "0.0.0.0",
        "SMOLHOG_METRICS_TOKEN": TOKEN,
        "SMOLHOG_TRUSTED_PROXIES": "127.0.0.0/8",
    }
    folder = tmp_path_factory.mktemp("exposed")
    with running_servers(postgres_server, clickhouse_server, folder, settings) as running:
        yield running


def url_of(servers: Servers, address: Address) -> str:
    """Return the URL of a route."""
    return (servers.gateway if address.server == "gateway" else servers.query_api) + address.path


def listeners(servers: Servers) -> set[str]:
    """Return the addresses on which the processes listen."""
    return {
        connection.laddr.ip
        for process in servers.processes.values()
        for connection in psutil.Process(process.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_by_default_only_this_machine_is_listened_to(servers: Servers) -> None:
    """Every listening socket of both processes is on 127.0.0.1, and so is every default in the settings."""
    assert listeners(servers) == {"127.0.0.1"}
    assert "open to other machines" not in servers.logs()
    hosts = [field for name, field in Settings.model_fields.items() if name.endswith("_host")]
    assert [field.default for field in hosts] == ["127.0.0.1"] * len(hosts)
    assert Settings.model_fields["metrics_token"].default is None


def test_listening_elsewhere_is_warned_of(exposed: Servers) -> None:
    """Both processes say so once in their logs, and what it means for operators' routes."""
    assert listeners(exposed) == {"0.0.0.0"}
    logs = exposed.logs()
    assert logs.count("open to other machines") == 2
    assert logs.count("with the metrics token") == 2
    assert TOKEN not in logs


@pytest.mark.parametrize("address", [a for a in ALL if a.path in OPERATORS], ids=str)
def test_operators_routes_answer_this_machine_or_the_token(exposed: Servers, address: Address) -> None:
    """A neighbour gets in; whoever comes through a proxy or brings a wrong token does not; the token opens."""
    url = url_of(exposed, address)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.request(address.method, url).status_code == 200
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        through = {header: OUTSIDE}
        assert httpx.request(address.method, url, headers=through).status_code == 403
        assert httpx.request(address.method, url, headers=through | bearer).status_code == 200
    for wrong in ("", "x", TOKEN[:-1], exposed.read_keys["ours"]):
        headers = {"X-Forwarded-For": OUTSIDE, "Authorization": f"Bearer {wrong}".strip()}
        assert httpx.request(address.method, url, headers=headers).status_code == 403


@pytest.mark.parametrize("address", [a for a in ALL if a.path in OPERATORS], ids=str)
def test_from_another_address_the_token_is_needed(exposed: Servers, address: Address) -> None:
    """The same from an address of this machine that is not loopback, as another machine's would be."""
    outside = _own_address()
    if outside is None:
        pytest.skip("this machine has no address but loopback")
    url = url_of(exposed, address).replace("127.0.0.1", outside)
    assert httpx.request(address.method, url).status_code == 403
    assert httpx.request(address.method, url, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def _own_address() -> str | None:
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not is_loopback(address.address):
                return str(address.address)
    return None


def test_no_token_no_entry() -> None:
    """Without the setting no bearer token opens anything from outside, the empty one least of all."""
    for given in ("", "None", "null", "x"):
        assert not is_insider(OUTSIDE, {"authorization": f"Bearer {given}"}, None)
    assert is_insider("127.0.0.1", {"authorization": "Bearer x"}, None)


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:203.0.113.9", False),
        ("10.0.0.1", False),
        ("127.0.0.1.example", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_is_an_address_not_a_name(address: str | None, is_ours: bool) -> None:  # noqa: FBT001
    """What only looks like loopback is not."""
    assert is_loopback(address) is is_ours


@pytest.mark.parametrize(
    "address", [a for a in ALL if a.server == "query API" and a.method == "GET"], ids=str
)
def test_browsers_are_told_what_not_to_do(servers: Servers, address: Address) -> None:
    """Every answer of the query API, errors too, may not be run, framed, sniffed or referred to."""
    for headers in ({}, {"Authorization": f"Bearer {servers.read_keys['ours']}"}):
        given = httpx.get(url_of(servers, address), headers=headers).headers
        assert given["x-content-type-options"].split(", ")[0] == "nosniff"
        assert given["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in given["content-security-policy"]
        assert "server" not in given


def test_answers_of_a_key_are_not_kept_by_anybody(servers: Servers) -> None:
    """What a read key opened is not for caches."""
    headers = {"Authorization": f"Bearer {servers.read_keys['ours']}"}
    for address in ALL:
        if address.server == "query API" and "analytics" in address.path and address.method == "GET":
            assert httpx.get(url_of(servers, address), headers=headers).headers["cache-control"] == "no-store"


def test_files_of_keys_are_the_owners_alone(exposed: Servers) -> None:
    """Digests only, and even those are nobody else's business, where `smolhog up` set the umask."""
    for file in (Path(exposed.environment["SMOLHOG_DATA"]) / "keys").iterdir():
        assert "sh_w_" not in file.read_text()
