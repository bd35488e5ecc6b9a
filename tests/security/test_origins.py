"""Keys for the pages of some origins, from the command line to both servers."""

import json
import os
import subprocess
import sys

import httpx

from projects.directory import KeyDirectory
from projects.keys import KeyKind
from tests.security.servers import Servers

SHOP, OTHER, EVIL = "https://shop.example", "http://localhost:3000", "https://evil.example"


def smolhog(servers: Servers, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command over the servers' stores."""
    return subprocess.run(
        [sys.executable, "-m", "smolhog", *arguments],
        env=os.environ | servers.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_key_for_pages_of_some_origins(servers: Servers) -> None:
    """`--origin` may be repeated; from then on both servers take the key from those pages and from programs."""
    for kind in (KeyKind.WRITE, KeyKind.READ):
        made = smolhog(
            servers, "keys", "create", "ours", "--kind", kind.value, "--origin", SHOP + "/", "--origin", OTHER
        )
        assert made.returncode == 0, made.stderr
        secret = made.stdout.strip()
        servers.wait_until_known(secret, kind, SHOP)
        for origin, status in ((SHOP, 200), (OTHER, 200), (None, 200), (EVIL, 403), ("null", 403)):
            assert servers.answer_to(secret, kind, origin) == status
    listed = json.loads(smolhog(servers, "keys", "list", "--json").stdout)
    assert [key["origins"] for key in listed][-2:] == [[OTHER, SHOP]] * 2
    assert next(key["origins"] for key in listed) is None


def test_a_refused_page_is_told_why(servers: Servers) -> None:
    """The answer has its code, and CORS headers, so that the page's developer can read it."""
    key = servers.new_key(KeyKind.READ, origins=(SHOP,))
    answer = httpx.get(
        f"{servers.query_api}/analytics/stats", headers={"Authorization": f"Bearer {key}", "Origin": EVIL}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_an_origin_that_is_none_makes_no_key(servers: Servers) -> None:
    """A typing error is told at once, not when no page gets through."""
    before = smolhog(servers, "keys", "list", "--json").stdout
    made = smolhog(servers, "keys", "create", "ours", "--kind", "write", "--origin", "*.shop.example")
    assert made.returncode == 1
    assert "is not an origin" in made.stderr
    assert smolhog(servers, "keys", "list", "--json").stdout == before


def test_keys_without_a_list_take_any_page(servers: Servers) -> None:
    """As before there were lists."""
    for kind, keys in ((KeyKind.WRITE, servers.write_keys), (KeyKind.READ, servers.read_keys)):
        for origin in (SHOP, EVIL, "null", None):
            assert servers.answer_to(keys["ours"], kind, origin) == 200


def test_the_snapshot_keeps_the_origins(servers: Servers) -> None:
    """A gateway that starts while PostgreSQL is away does not open a key to every page."""
    key = servers.new_key(KeyKind.WRITE, origins=(SHOP,))
    snapshot = servers.folder / "snapshot.json"
    KeyDirectory(servers.postgres_url, snapshot).refresh()
    later = KeyDirectory("postgresql://smolhog@127.0.0.1:1/none", snapshot)
    later.start()
    try:
        found = later.find(key, KeyKind.WRITE)
        assert found is not None
        assert found.allows(SHOP)
        assert not found.allows(EVIL)
    finally:
        later.close()
