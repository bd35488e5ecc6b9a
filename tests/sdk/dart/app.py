"""The Dart app that the live tests drive, and the ledger of what it was told to track."""

import json
import subprocess
from pathlib import Path
from typing import Any, Self

from tests.ingest_gateway.running import KEY
from tests.sdk.dart.dart_vm import DartVm


class App:
    """A running `live_app.dart`. Use it as a context manager.

    Args:
        dart: what runs it.
        program: the compiled app.
        port: of the gateway, or of a proxy before it.
        folder: for its output, and for what outlives it.
        settings: further ones of the app.
    """

    def __init__(self, dart: DartVm, program: Path, port: int, folder: Path, **settings: Any) -> None:
        all_settings = {
            "url": f"http://127.0.0.1:{port}",
            "key": KEY,
            "directory": str(folder / "device"),
            **settings,
        }
        self.log = folder / "app.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                dart.command(program, json.dumps(all_settings)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.tracked: list[str] = []
        """Ids of everything that it took, in order."""
        self.state: dict[str, Any] = {}
        """Its last answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def tell(self, what: str, **order: Any) -> dict[str, Any]:
        """Have it do something, and wait for its answer."""
        self.begin(what, **order)
        return self.finish()

    def begin(self, what: str, **order: Any) -> None:
        """Have it do something; :meth:`finish` waits for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **order}) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """Wait for the answer to what was begun."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        self.state = json.loads(line)
        self.tracked += self.state.get("ids", [])
        return self.state

    def track(self, count: int, **order: Any) -> None:
        """Have it track this many events."""
        self.tell("track", count=count, **order)

    def flush(self) -> None:
        """Have it flush until everything is settled."""
        state = self.tell("flush", seconds=60)
        assert state["flushed"], self.log.read_text()

    def kill(self) -> None:
        """SIGKILL, as a system does to an app that it wants gone."""
        self._process.kill()
        self._process.wait()
