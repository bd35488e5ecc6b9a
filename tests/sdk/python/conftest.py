"""A real gateway on a thread of its own, for clients that block."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.python.gateway_thread import GatewayThread


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayThread]:
    """Serve the real gateway over the SQLite event log."""
    with GatewayThread(tmp_path / "log") as running:
        yield running
