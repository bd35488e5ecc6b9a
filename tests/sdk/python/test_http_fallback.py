"""Events over HTTP, by choice and where a proxy lets no WebSocket through."""

from pathlib import Path

import pytest

from smolhog_client import Client, Event, FullJitter, Unauthorized
from tests.ingest_gateway.running import KEY, HeldLog, gateway_over_sqlite, running_gateway, stored_in
from tests.sdk.python.scripted_gateway import eventually
from tests.sdk.python.upgrade_blocker import Manner, upgrade_blocker
from tests.tcp_proxy import TcpProxy

SOON = FullJitter(base=0.01, cap=0.05)


@pytest.mark.parametrize("manner", ["400", "403", "drops"])
async def test_a_proxy_that_blocks_upgrades_costs_nothing_but_time(tmp_path: Path, manner: Manner) -> None:
    """Whatever the proxy answers to an upgrade, all events and verdicts go over HTTP."""
    async with gateway_over_sqlite(tmp_path) as gateway, upgrade_blocker(gateway.port, manner) as seen:
        client = Client(f"ws://127.0.0.1:{seen[0]}", write_key=KEY, backoff=SOON)
        async with client:
            events = [Event("clicked", f"u{n}") for n in range(1_200)]
            result = await client.send_batch([*events, Event("", "u")])
            assert client.is_http
            assert client.connected
    assert (result.accepted, [event.index for event in result.rejected]) == (1_200, [1_200])
    assert "upgrade" in seen
    stored = [event for batch in await stored_in(tmp_path) for event in batch.events]
    assert sorted(event.distinct_id for event in stored) == sorted(event.distinct_id for event in events)


async def test_a_websocket_is_tried_again_after_a_while(tmp_path: Path) -> None:
    """HTTP does for a period only."""
    async with gateway_over_sqlite(tmp_path) as gateway, upgrade_blocker(gateway.port, "400") as seen:
        url = f"ws://127.0.0.1:{seen[0]}"
        async with Client(url, write_key=KEY, backoff=SOON, http_period=0.05) as client:
            await client.ready()
            await eventually(lambda: seen.count("upgrade") >= 3)
            assert (await client.send_batch([Event("clicked", "u")])).accepted == 1


async def test_a_wrong_key_is_raised_over_http_too(tmp_path: Path) -> None:
    """401 with the gateway's own words is final."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        client = Client(gateway.http, write_key="sh_w_no", transport="http")
        await client.open()
        with pytest.raises(Unauthorized, match="no such write key"):
            await client.ready()
        await client.close()


async def test_over_http_a_cut_loses_nothing(tmp_path: Path) -> None:
    """Requests whose answers were cut off are sent again, with the same ids."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        with TcpProxy(gateway.port) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            async with Client(url, write_key=KEY, transport="http", backoff=SOON, batch_events=20) as client:
                await client.ready()
                proxy.cut_after_bytes(0, answers_only=True)
                ids = {await client.track("clicked", "u", {"n": n}) for n in range(200)}
                await eventually(lambda: proxy.is_cut)
                proxy.restore()
                await client.flush()
    stored = [event.event_id for batch in await stored_in(tmp_path) for event in batch.events]
    assert set(stored) == ids


async def test_a_503_is_waited_out() -> None:
    """What the event log does not confirm is sent again until it does."""
    log = HeldLog()
    log.gate.set()
    log.failing = {0, 1, 2}
    async with running_gateway(log) as gateway:
        client = Client(gateway.http, write_key=KEY, transport="http", backoff=SOON)
        async with client:
            await client.track("clicked", "u")
            await log.someone_waits.wait()
            assert client.pending == 1
            log.failing = set()
            await client.flush()
            assert client.pending == 0
    assert len(log.stored) == 1
