"""The real gateway on a thread, what it stored, and programs that send to it."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import msgspec

from schemas.envelope import LogEvent
from tests.ingest_gateway.running import KEY, gateway_over_sqlite, stored_in

ROOT = Path(__file__).parents[3]


class GatewayThread:
    """Use it as a context manager. Stopped and entered again, it serves the same log on another port.

    Args:
        folder: of the event log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = KEY
        self.port = 0

    @property
    def url(self) -> str:
        """Its address, as a client takes it."""
        return f"ws://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="gateway")
        self._thread.start()
        assert self._started.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Drain and stop it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def stored(self) -> list[LogEvent]:
        """Stop it, and read all events of its log, repeats included."""
        self.stop()
        return [event for batch in asyncio.run(stored_in(self.folder)) for event in batch.events]

    def program(self, source: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a Python program whose arguments are our address, our key, and ``arguments``."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", source, self.url, self.key, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT / "sdk" / "python")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, source: str, *arguments: str) -> str:
        """Run such a program to its end, which must be a good one; returns what it printed."""
        with self.program(source, *arguments) as process:
            out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return out

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with gateway_over_sqlite(self.folder) as gateway:
            self.port = gateway.port
            self._started.set()
            await self._stopping.wait()


def properties_of(event: LogEvent) -> dict[str, Any]:
    """Decode an event's properties."""
    decoded: dict[str, Any] = msgspec.json.decode(event.properties)
    return decoded
