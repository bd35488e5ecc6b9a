"""Secrets stay with those who have them: not in logs, metrics, error bodies or files."""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from smolhog.logs import configure_logs, redacted
from tests.security.attacker import UPGRADE, request, wire
from tests.whole_stack import WholeStack, whole_stack

TOKEN = "a-token-for-operators-only"


@pytest.fixture(scope="module")
def stack() -> Iterator[WholeStack]:
    """Everything that `smolhog up` starts, with debug logs."""
    with whole_stack(settings={"SMOLHOG_LOG_LEVEL": "debug", "SMOLHOG_METRICS_TOKEN": TOKEN}) as running:
        yield running


def wrong_places(key: str) -> list[dict[str, object]]:
    """Return arguments of requests that have a key wherever somebody may put it."""
    return [
        {"headers": {"Authorization": f"Bearer {key}"}},
        {"headers": {"Authorization": f"bearer  {key}"}},
        {"headers": {"Authorization": key}},
        {"headers": {"Authorization": f"Basic {key}"}},
        {"headers": {"smolhog-api-key": key}},
        {"headers": {"X-Api-Key": key}},
        {"headers": {"Cookie": f"key={key}"}},
        {"headers": {"User-Agent": key}},
        {"headers": {"Referer": f"https://shop.example/?key={key}"}},
        {"headers": {"Origin": f"https://{key}.example"}},
        {"headers": {"traceparent": key}},
        {"headers": {key: "name of a header"}},
        {"params": {"key": key}},
        {"params": {key: "1"}},
        {"params": {"limit": key}, "headers": {"Authorization": f"Bearer {key}"}},
        {"params": {"before": key}, "headers": {"Authorization": f"Bearer {key}"}},
        {"params": {"timezone": key}, "headers": {"Authorization": f"Bearer {key}"}},
        {"params": {key: "1"}, "headers": {"Authorization": f"Bearer {key}"}},
    ]


async def send_everywhere(stack: WholeStack, key: str) -> list[str]:
    """Send a key in every way to every kind of route; return all that came back."""
    said: list[str] = []
    gateway, query = f"http://127.0.0.1:{stack.gateway_port}", f"http://127.0.0.1:{stack.query_port}"
    async with httpx.AsyncClient(timeout=60) as client:
        for arguments in wrong_places(key):
            for method, url in (
                ("POST", f"{gateway}/v1/batch"),
                ("POST", f"{gateway}/events"),
                ("GET", f"{gateway}/health/ready"),
                ("GET", f"{gateway}/v1/stream"),
                ("GET", f"{gateway}/{key}"),
                ("DELETE", f"{gateway}/v1/batch"),
                ("GET", f"{query}/analytics/events"),
                ("GET", f"{query}/analytics/trends"),
                ("GET", f"{query}/analytics/{key}"),
                ("POST", f"{query}/analytics/stats"),
            ):
                answer = await client.request(method, url, **arguments)  # type: ignore[arg-type]
                said.append(answer.text)
                # CORS has the server repeat the origin that a page's browser names, to that page.
                said += [
                    value for name, value in answer.headers.items() if name != "access-control-allow-origin"
                ]
    for port in (stack.gateway_port, stack.query_port):
        for raw in (
            request("GET", f"/v1/stream?key={key}", *UPGRADE, f"Authorization: Bearer {key}"),
            request("GET", f"/{key}", *UPGRADE),
            f"{key} / HTTP/1.1\r\n\r\n".encode(),
            request("GET", "/", f"Bad Header {key}: x"),
            request("GET", f"http://{key}:x@[/"),
        ):
            async with wire(port) as connection:
                await connection.send(raw)
                reading = asyncio.create_task(connection.rest())
                await asyncio.wait([reading], timeout=0.5)
                reading.cancel()
    base = f"ws://127.0.0.1:{stack.gateway_port}/v1/stream"
    for first in (
        {"type": "hello", "key": key},
        {"type": "hello", "key": key + "x"},
        {"type": "hello", "sdk": key, "key": key},
        {"type": "hello", "token": key},
        {"type": key},
    ):
        async with connect(f"{base}?key={key}") as socket:
            await socket.send(json.dumps(first))
            said.append(str(await socket.recv()))
            with contextlib.suppress(ConnectionClosed):
                await socket.send("not JSON " + key)
    return said


@pytest.mark.timeout(400)
def test_no_key_is_in_any_log_metric_or_answer(stack: WholeStack) -> None:
    """With debug logs, after each key was sent in every way to every place, no file or answer has it."""
    keys = [stack.write_key, stack.read_key, "sh_w_" + "0123456789" * 4]
    said = [text for key in keys for text in asyncio.run(send_everywhere(stack, key))]
    for port in (stack.gateway_port, stack.query_port):
        said += [httpx.get(f"http://127.0.0.1:{port}/{page}").text for page in ("metrics", "openapi.json")]
    data = Path(stack.environment["SMOLHOG_DATA"])
    files = [stack.output, *data.rglob("*.log"), *(data / "keys").glob("*")]
    assert len(files) >= 4
    texts = {str(file): file.read_text(errors="replace") for file in files}
    assert "stream.closed" in "".join(texts.values())
    for key in keys:
        assert not [text for text in said if key in text]
        assert not [name for name, text in texts.items() if key[5:] in text]
    assert not [name for name, text in texts.items() if TOKEN in text]


def fail_with(secret: str) -> None:
    """Raise what a library may raise."""
    raise ValueError(f"no such key {secret}")


def test_finished_lines_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever library writes a key or a password into a line or a traceback, it does not come out."""
    import structlog

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    key = "sh_w_" + "ab12" * 10
    try:
        for as_json in (True, False):
            configure_logs("debug", as_json=as_json, process="test")
            structlog.get_logger().warning("said", url=f"postgresql://me:hunter2@db/x?key={key}")
            logging.getLogger("other").debug("frame < TEXT '%s'", key)
            try:
                fail_with(key)
            except ValueError:
                structlog.get_logger().exception("failed")
    finally:
        root.handlers[:], level_before = handlers, level
        root.setLevel(level_before)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    written = capsys.readouterr().err
    assert written.count("sh_w_[hidden]") >= 6
    assert "ab12ab12" not in written
    assert "hunter2" not in written
    assert re.search(r"postgresql://me:\[hidden\]@db", written)


def test_what_is_no_secret_stays_readable() -> None:
    """A hint and a prefix are what people tell keys apart by."""
    for text in ("sh_w_…", "give a read key (sh_r_…)", "http://127.0.0.1:8400/x", "12:30 a@b"):
        assert redacted(text) == text
