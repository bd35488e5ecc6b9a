"""The official SDKs for Python through what goes wrong between them and the gateway: every event counts once."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mixpanel  # type: ignore[import-untyped]
import pytest

from tests.tcp_proxy import TcpProxy
from tests.vendors.running import StoredEvent, one, stored_once, vendor_gateway
from tests.vendors.test_python_sdks import (
    check_mixpanel,
    check_posthog,
    check_segment,
    mixpanel_client,
    mixpanel_story,
    posthog_story,
    segment_story,
)

Story = Callable[..., list[object]]
Check = Callable[[list[StoredEvent]], None]

vendors = pytest.mark.parametrize(
    ("story", "check"),
    [(posthog_story, check_posthog), (segment_story, check_segment)],
    ids=["posthog", "segment"],
)
CUTS: list[dict[str, Any]] = [{"count": 500}, {"count": 0, "answers_only": True}]
cuts = pytest.mark.parametrize("cut", CUTS, ids=["in the request", "after the commit"])


@vendors
@cuts
async def test_a_cut(tmp_path: Path, story: Story, check: Check, cut: dict[str, Any]) -> None:
    """The connection goes in the middle of a request, or when its events are stored and the SDK does not know."""
    async with vendor_gateway(tmp_path) as gateway:
        with TcpProxy(gateway.port) as proxy:
            proxy.cut_after_bytes(**cut)
            telling = asyncio.create_task(asyncio.to_thread(story, f"http://127.0.0.1:{proxy.port}"))
            await asyncio.to_thread(proxy.wait_until_cut)
            proxy.restore()
            assert await telling == []
    events = await stored_once(tmp_path)
    check(events)
    assert max(event.copies for event in events) == (2 if "answers_only" in cut else 1)


@vendors
async def test_a_timeout_after_the_commit(tmp_path: Path, story: Story, check: Check) -> None:
    """The SDK gives up waiting for an answer and sends again what is stored already."""
    async with vendor_gateway(tmp_path, "hang") as gateway:
        assert await asyncio.to_thread(story, gateway.url, timeout=3) == []
        gateway.log.let_go()
    events = await stored_once(tmp_path)
    check(events)
    assert max(event.copies for event in events) == 2


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1, whose certificate the SDKs of this process trust."""
    pem = tmp_path / "gateway.pem"
    subprocess.run(
        (
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"),
            *("-keyout", pem, "-out", tmp_path / "certificate.pem"),
        ),
        check=True,
        capture_output=True,
    )
    pem.write_text(pem.read_text() + (tmp_path / "certificate.pem").read_text())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize(
    "faults",
    [("refuse", "forget"), ("none", "none", "none", "refuse", "forget"), ("hang",)],
    ids=["503", "503 for people", "timeout after the commit"],
)
async def test_mixpanel_over_https(tmp_path: Path, tls: ssl.SSLContext, faults: tuple[str, ...]) -> None:
    """Over HTTPS this SDK sends again by itself what was answered 503, or not in time."""
    async with vendor_gateway(tmp_path / "log", *faults) as gateway:
        with TcpProxy(gateway.port, tls=tls) as proxy:
            client = mixpanel_client(f"https://127.0.0.1:{proxy.port}", timeout=2)
            await asyncio.to_thread(mixpanel_story, client)
            gateway.log.let_go()
    events = await stored_once(tmp_path / "log")
    check_mixpanel(events)
    assert max(event.copies for event in events) == 2


@cuts
async def test_mixpanel_over_https_through_a_cut(
    tmp_path: Path, tls: ssl.SSLContext, cut: dict[str, Any]
) -> None:
    """So it does when the connection goes."""
    async with vendor_gateway(tmp_path / "log") as gateway:
        with TcpProxy(gateway.port, tls=tls) as proxy:
            client = mixpanel_client(f"https://127.0.0.1:{proxy.port}")
            proxy.cut_after_bytes(**cut)
            telling = asyncio.create_task(asyncio.to_thread(mixpanel_story, client))
            await asyncio.to_thread(proxy.wait_until_cut)
            proxy.restore()
            await telling
    events = await stored_once(tmp_path / "log")
    check_mixpanel(events)
    assert max(event.copies for event in events) == (2 if "answers_only" in cut else 1)


@pytest.mark.parametrize("fault", ["503", "in the request", "after the commit", "timeout"])
async def test_mixpanels_buffer(tmp_path: Path, fault: str) -> None:
    """Over plain HTTP it retries nothing: its caller is told, and the next flush sends what the last one did not."""
    faults = {"503": ("refuse", "forget"), "timeout": ("hang",)}.get(fault, ())
    async with vendor_gateway(tmp_path, *faults) as gateway:
        with TcpProxy(gateway.port) as proxy:
            client = mixpanel_client(f"http://127.0.0.1:{proxy.port}", mixpanel.BufferedConsumer, timeout=2)
            mixpanel_story(client)
            if fault in ("in the request", "after the commit"):
                proxy.cut_after_bytes(**CUTS[fault == "after the commit"])
            for _ in faults or [fault]:
                with pytest.raises(mixpanel.MixpanelException):
                    await asyncio.to_thread(client._consumer.flush)
            proxy.restore()
            await asyncio.to_thread(client._consumer.flush)
            gateway.log.let_go()
    events = await stored_once(tmp_path)
    check_mixpanel(events)
    assert max(event.copies for event in events) == (1 if fault == "in the request" else 2)


async def test_mixpanel_called_again_with_the_same_id(tmp_path: Path) -> None:
    """An app that is told of a failure and calls again with the same ``$insert_id`` stores one event."""
    async with vendor_gateway(tmp_path, "refuse", "forget") as gateway:
        client = mixpanel_client(gateway.url)

        def track() -> None:
            client.track("ada", "bought", {"$insert_id": "order-1", "price": 9.5})

        for _ in range(2):
            with pytest.raises(mixpanel.MixpanelException, match="did not confirm"):
                await asyncio.to_thread(track)
        await asyncio.to_thread(track)
    bought = one(await stored_once(tmp_path), "bought")
    assert (bought.distinct_id, bought.properties["price"], bought.copies) == ("ada", 9.5, 2)
