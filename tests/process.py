"""Starting a service as a child process and waiting for the file that says it is ready."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

READY_SECONDS = 60.0
_POLL_SECONDS = 0.02


class ServiceProcess:
    """A service run as `python -m <module> … --port 0 --port-file FILE`.

    Args:
        module: the module to run.
        arguments: its arguments, without port and port file.
        folder: where its port file and its output go.
        environment: added to this process's.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = folder / "service.log"
        port_file = folder / "service.port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", module, *arguments, "--port", "0", "--port-file", str(port_file)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"{module} did not start:\n{self.log.read_text()}")
            time.sleep(_POLL_SECONDS)
        self.port = int(port_file.read_text())

    def kill(self) -> None:
        """SIGKILL, and collect."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM if it still runs; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=READY_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop:\n{self.log.read_text()}") from None
