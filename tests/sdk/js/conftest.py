"""One browser for all tests of the browser SDK; they share a worker (`xdist_group`)."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.query_api.dashboard.browser import running_browser
from tests.sdk.js.site import DIST, Site, served_site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium."""
    async with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Serve pages that load the SDK; in continuous integration it has to be built."""
    if not (DIST / "smolhog.min.js").is_file():
        message = "the SDK is not built: run `make js`"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with served_site() as served:
        yield served
