"""One stack and one browser for all tests of the page; they share a worker (`xdist_group`)."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from query_api.page import DIST
from tests.dataflows.running_flow import wait_until
from tests.query_api.dashboard import shop
from tests.query_api.dashboard.browser import running_browser
from tests.whole_stack import WholeStack, whole_stack


@dataclass(frozen=True)
class Served:
    """A stack whose default project has the events of `shop`, and one that has none."""

    stack: WholeStack
    url: str
    key: str
    empty_write_key: str
    empty_key: str


@pytest.fixture(scope="session")
def stack() -> Iterator[WholeStack]:
    """A whole stack, as `smolhog up` starts it."""
    assert (DIST / "index.html").is_file(), "the page was not built: make page"
    with whole_stack() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(stack: WholeStack) -> Served:
    """The stack, with the events stored and one that was refused."""
    await shop.send(stack.stream_url, stack.write_key, shop.events(datetime.now(UTC)))
    async with httpx.AsyncClient() as client:
        refused = await client.post(
            f"http://127.0.0.1:{stack.gateway_port}/v1/batch",
            headers={"Authorization": f"Bearer {stack.write_key}"},
            json={"events": [{"event": "no_id_at_all", "distinct_id": ""}]},
        )
    assert "rejected" in refused.text, refused.text
    made = stack.smolhog("projects", "create", "empty")
    assert made.returncode == 0, made.stderr
    keys = [
        stack.smolhog("keys", "create", "empty", "--kind", kind).stdout.strip() for kind in ("write", "read")
    ]
    wait_until(
        lambda: (
            stack.analytics("stats")["total_events"] == shop.EVENTS
            and len(stack.analytics("rejected")["rejected"]) == 1
        ),
        "the events being stored",
        stack.output,
    )
    url = f"http://127.0.0.1:{stack.query_port}"
    return Served(stack, url, stack.read_key, keys[0], keys[1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium."""
    async with running_browser() as running:
        yield running
