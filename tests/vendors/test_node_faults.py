"""The official SDKs for Node through what goes wrong between them and the gateway: every event counts once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tcp_proxy import TcpProxy
from tests.vendors.running import StoredEvent, node, stored_once, vendor_gateway
from tests.vendors.test_node_sdks import check_posthog, check_segment

CUTS: list[dict[str, Any]] = [{"count": 500}, {"count": 0, "answers_only": True}]
vendors = pytest.mark.parametrize(
    ("script", "check"),
    [("posthog_node.mjs", check_posthog), ("segment_node.mjs", check_segment)],
    ids=["posthog", "segment"],
)
Check = Callable[[list[StoredEvent]], None]


@vendors
@pytest.mark.parametrize("cut", CUTS, ids=["in the request", "after the commit"])
async def test_a_cut(tmp_path: Path, script: str, check: Check, cut: dict[str, Any]) -> None:
    """The connection goes in the middle of a request, or when its events are stored and the SDK does not know."""
    async with vendor_gateway(tmp_path) as gateway:
        with TcpProxy(gateway.port) as proxy:
            proxy.cut_after_bytes(**cut)
            telling = asyncio.create_task(node(script, f"http://127.0.0.1:{proxy.port}"))
            await asyncio.to_thread(proxy.wait_until_cut)
            proxy.restore()
            assert (await telling)["lost"] == []
    check(await stored_once(tmp_path))


@vendors
async def test_a_timeout_after_the_commit(tmp_path: Path, script: str, check: Check) -> None:
    """The SDK gives up waiting for an answer and sends again what is stored already."""
    async with vendor_gateway(tmp_path, "hang") as gateway:
        assert (await node(script, gateway.url, SMOLHOG_PATIENCE_MS="3000"))["lost"] == []
        gateway.log.let_go()
    events = await stored_once(tmp_path)
    check(events)
    assert max(event.copies for event in events) == 2


@pytest.mark.parametrize("call", ["track", "track_batch", "import_batch"])
@pytest.mark.parametrize("fault", ["503", "in the request", "after the commit", "timeout"])
async def test_mixpanel(tmp_path: Path, call: str, fault: str) -> None:
    """It sends nothing again by itself: its caller is told, and calls again with the same ``$insert_id``."""
    faults = {"503": ("refuse", "forget"), "timeout": ("hang",)}.get(fault, ())
    environment = {"SMOLHOG_CALL": call, "SMOLHOG_PATIENCE_MS": "2000" if fault == "timeout" else "30000"}
    async with vendor_gateway(tmp_path, *faults) as gateway:
        with TcpProxy(gateway.port) as proxy:
            if fault in ("in the request", "after the commit"):
                proxy.cut_after_bytes(**(CUTS[1] if fault == "after the commit" else {"count": 100}))
            address = f"http://127.0.0.1:{proxy.port}"
            telling = asyncio.create_task(node("mixpanel_node_again.mjs", address, **environment))
            if proxy_is_cut := fault in ("in the request", "after the commit"):
                await asyncio.to_thread(proxy.wait_until_cut)
                proxy.restore()
            failed = (await telling)["failed"]
            gateway.log.let_go()
    if fault == "503":
        assert ["did not confirm" in error or "Server Error: 0" in error for error in failed] == [True, True]
    elif proxy_is_cut:
        assert failed
        assert all("ECONNRESET" in error or "socket hang up" in error for error in failed)
    else:
        assert failed == ["no answer"]
    events = await stored_once(tmp_path)
    numbers = {"track": [0], "track_batch": [1, 2, 3], "import_batch": [4, 5, 6]}[call]
    assert sorted(event.properties["n"] for event in events) == numbers
    assert {event.event for event in events} == {"visited" if call == "track" else "bought"}
    assert {(event.distinct_id, event.properties["text"]) for event in events} == {("ada", "żółw 🐗")}
    assert {event.copies for event in events} == {1 if fault == "in the request" else 2}
