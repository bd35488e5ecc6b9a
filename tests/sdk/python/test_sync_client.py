"""The client for threads, against the real gateway."""

import threading
import time

import pytest

from smolhog_client import ClientClosedError, Event, SyncClient, Unauthorized, UndeliveredError
from tests.sdk.python.gateway_thread import GatewayThread, properties_of
from tests.tcp_proxy import TcpProxy


def test_every_call_arrives_under_its_canonical_name(gateway: GatewayThread) -> None:
    """Identity calls, page and screen are the events that the protocol's page gives a meaning."""
    with SyncClient(gateway.url, write_key=gateway.key, super_properties={"app": "shop"}) as client:
        client.identify("ada", {"plan": "pro"}, set_once={"first": 1}, anonymous_id="anon-1")
        client.alias("ada", "ada@example.com")
        client.group("ada", "company", "acme", {"size": 3})
        client.page("ada", "https://example.com/a")
        client.screen("ada", "Home", {"app": "mobile"})
        client.register({"region": "eu"})
        client.track("clicked", "ada", {"n": 1})
        client.unregister("region")
        client.track("left", "ada")
    found = {event.event: properties_of(event) for event in gateway.stored()}
    assert found == {
        "$identify": {
            "app": "shop",
            "$set": {"plan": "pro"},
            "$set_once": {"first": 1},
            "$anon_distinct_id": "anon-1",
        },
        "$create_alias": {"app": "shop", "alias": "ada@example.com"},
        "$groupidentify": {
            "app": "shop",
            "$group_type": "company",
            "$group_key": "acme",
            "$groups": {"company": "acme"},
            "$group_set": {"size": 3},
        },
        "$pageview": {"app": "shop", "$current_url": "https://example.com/a"},
        "$screen": {"app": "mobile", "$screen_name": "Home"},
        "clicked": {"app": "shop", "region": "eu", "n": 1},
        "left": {"app": "shop"},
    }


def test_many_threads_share_a_client(gateway: GatewayThread) -> None:
    """Eight threads' events are all stored once, under different ids, through a small queue."""
    ids: list[str] = []
    with SyncClient(gateway.url, write_key=gateway.key, queue_events=300) as client:

        def work(who: str) -> None:
            mine = [client.track("clicked", who, {"n": n}) for n in range(500)]
            ids.extend(mine)

        threads = [threading.Thread(target=work, args=(f"u{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        result = client.send_batch([Event("bought", "u"), Event("", "u")])
        client.flush()
        assert client.pending == 0
    assert (result.accepted, [event.code for event in result.rejected]) == (1, ["invalid_field"])
    stored = [event.event_id for event in gateway.stored() if event.event == "clicked"]
    assert len(set(ids)) == 4_000
    assert sorted(stored) == sorted(ids)


def test_threads_wait_at_the_bound_and_go_on(gateway: GatewayThread) -> None:
    """While nothing passes the network, no more is held than the bound; afterwards all is delivered."""
    with TcpProxy(gateway.port) as proxy:
        url = f"ws://127.0.0.1:{proxy.port}"
        with SyncClient(url, write_key=gateway.key, queue_events=100) as client:
            client.ready(30)
            proxy.stall()
            tracked: list[str] = []
            thread = threading.Thread(
                target=lambda: tracked.extend(client.track("clicked", "u") for _ in range(300))
            )
            thread.start()
            deadline = time.monotonic() + 30
            while client.pending < 50:
                assert time.monotonic() < deadline
            with pytest.raises(TimeoutError):
                client.flush(0.05)
            assert client.pending <= 150  # The bound, and what just changes hands.
            assert thread.is_alive()
            proxy.resume()
            thread.join(30)
            client.flush(30)
            assert client.dropped == 0
    assert sorted(event.event_id for event in gateway.stored()) == sorted(tracked)


def test_a_connection_cut_on_the_way_loses_nothing(gateway: GatewayThread) -> None:
    """Events whose ack was cut off are sent again under their ids."""
    with TcpProxy(gateway.port) as proxy:
        url = f"ws://127.0.0.1:{proxy.port}"
        with SyncClient(url, write_key=gateway.key, batch_events=50) as client:
            client.ready(30)
            proxy.cut_after_bytes(0, answers_only=True)
            ids = {client.track("clicked", "u", {"n": n}) for n in range(400)}
            proxy.wait_until_cut()
            proxy.restore()
            client.flush(30)
    assert {event.event_id for event in gateway.stored()} == ids


def test_what_is_left_is_flushed_at_exit(gateway: GatewayThread) -> None:
    """A program that only tracks and ends has sent its events, by name and over either transport."""
    program = """
import sys
from smolhog_client import SyncClient
url, key, transport = sys.argv[1:]
client = SyncClient(url.replace("127.0.0.1", "localhost"), write_key=key, transport=transport)
client.track("ended", transport)
"""
    for transport in ("websocket", "http"):
        gateway.run(program, transport)
    assert {event.distinct_id for event in gateway.stored()} == {"websocket", "http"}


def test_a_forked_child_has_a_connection_of_its_own(gateway: GatewayThread) -> None:
    """Parent and children send what they tracked, each event once, while the parent's stream goes on."""
    program = """
import os, sys
from smolhog_client import SyncClient
client = SyncClient(sys.argv[1], write_key=sys.argv[2], linger_ms=500)
client.ready(30)
ids = [client.track("before", "parent") for _ in range(20)]
children = []
for name in ("one", "two"):
    child = os.fork()
    if child == 0:
        ids = [client.track("after", name) for _ in range(30)]
        client.flush(30)
        print("\\n".join(ids), flush=True)
        client.close()
        os._exit(0)
    children.append(child)
ids += [client.track("after", "parent") for _ in range(30)]
for child in children:
    assert os.waitpid(child, 0)[1] == 0
client.flush(30)
print("\\n".join(ids))
client.close()
"""
    printed = gateway.run(program).split()
    assert len(set(printed)) == 110
    assert sorted(event.event_id for event in gateway.stored()) == sorted(printed)


def test_a_wrong_key_is_raised(gateway: GatewayThread) -> None:
    """Whoever waits hears of it, and so does the next ``track``."""
    client = SyncClient(gateway.url, write_key="sh_w_no")
    client.track("clicked", "u")
    with pytest.raises(Unauthorized):
        client.flush(30)
    with pytest.raises(Unauthorized):
        client.ready(30)
    with pytest.raises(Unauthorized):
        client.close()
    with pytest.raises(ClientClosedError):
        client.track("clicked", "u")
    client.close()


def test_closing_without_a_gateway_says_what_is_left(gateway: GatewayThread) -> None:
    """The count names every event, those not yet in the loop included."""
    gateway.stop()
    client = SyncClient(gateway.url, write_key=gateway.key, queue_events=10, close_timeout=0.1)
    for _ in range(7):
        client.track("clicked", "u")
    with pytest.raises(UndeliveredError, match="7 events"):
        client.close()
