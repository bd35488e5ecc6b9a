"""The page of the protocol: its examples are sent to a gateway, and nothing of the protocol is missing."""

import json
import re
from pathlib import Path

import httpx
import pytest

from ingest_gateway.errors import Refusal
from ingest_gateway.session import CloseCode
from ingest_gateway.vendor_routes import MIXPANEL_PATHS, POSTHOG_PATHS, SEGMENT_PATHS
from schemas.limits import Limits
from schemas.reasons import RejectReason
from tests.ingest_gateway.running import answer, gateway_over_sqlite

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def examples(language: str) -> list[str]:
    """Return the examples of a kind."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found


@pytest.mark.parametrize("conversation", examples("frames"))
async def test_conversations(tmp_path: Path, conversation: str) -> None:
    """What the client says gets the answers that the page shows, word by word."""
    async with gateway_over_sqlite(tmp_path) as gateway:
        socket = await gateway.connect()
        for line in conversation.splitlines():
            side, frame = line.split(" ", 1)
            if side == ">":
                await socket.send(frame)
            else:
                assert await answer(socket) == json.loads(frame)


@pytest.mark.parametrize("exchange", examples("http"))
async def test_requests(tmp_path: Path, exchange: str) -> None:
    """A request gets the status and the body that the page shows."""
    head, body, status, answered = (part.strip() for part in exchange.strip().split("\n\n"))
    method, path, *headers = re.split(r" |\n", head.replace(" HTTP/1.1", ""), maxsplit=2)
    fields = dict(line.split(": ", 1) for line in "".join(headers).splitlines())
    async with gateway_over_sqlite(tmp_path) as gateway, httpx.AsyncClient() as client:
        response = await client.request(method, gateway.http + path, headers=fields, content=body)
    assert response.status_code == int(status.split()[1])
    assert response.json() == json.loads(answered)


def test_the_page_is_complete() -> None:
    """Every code, close code, limit and endpoint stands there."""
    for code in (*RejectReason, *Refusal):
        assert f"`{code.value}`" in PAGE, code
    for close in CloseCode:
        assert f"| {close.value} |" in PAGE, close
    limits = Limits()
    for name in Limits.__struct_fields__:
        assert f"| `{name}` | {getattr(limits, name)} |" in PAGE, name
    for path in (*POSTHOG_PATHS, *MIXPANEL_PATHS, *SEGMENT_PATHS):
        assert f"`{path}`" in PAGE, path
