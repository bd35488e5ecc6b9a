"""`smolhog up` as a person starts it, and the other commands beside it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from smolhog.ports import free_ports
from tests.dataflows.running_flow import wait_until
from tests.fixtures_postgres import postgres_folder

_START_SECONDS = 90


@dataclass
class WholeStack:
    """A running stack; `environment` is what every command beside it needs."""

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    output: Path
    gateway_port: int
    query_port: int
    write_key: str = ""
    read_key: str = ""

    @property
    def stream_url(self) -> str:
        """Where SDKs connect."""
        return f"ws://127.0.0.1:{self.gateway_port}"

    def smolhog(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "smolhog", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def assert_verified(self) -> None:
        """Both stores have come equally far, and each number of theirs is the raw events'."""
        verdict = self.smolhog("verify")
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr

    def analytics(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask the query API; fails on anything but 200."""
        answer = httpx.get(
            f"http://127.0.0.1:{self.query_port}/analytics/{path}",
            params=parameters,
            headers={"Authorization": f"Bearer {self.read_key}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def child(self, name: str) -> psutil.Process:
        """The process of the stack whose command line has this word."""
        return next(child for child in psutil.Process(self.process.pid).children() if name in child.cmdline())


@contextmanager
def whole_stack(
    *,
    amqp_url: str | None = None,
    settings: Mapping[str, str] | None = None,
    prepare: Callable[[Path], None] = lambda _: None,
) -> Iterator[WholeStack]:
    """Run `smolhog up` on free ports in a folder of its own, with a key of each kind.

    Args:
        amqp_url: of RabbitMQ; the log is in the folder without it.
        settings: further ones, as variables.
        prepare: called before the start with the folder that is going to hold `data`.
    """
    with postgres_folder() as folder:
        prepare(folder)
        first = free_ports(6)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SMOLHOG_")},
            "SMOLHOG_DATA": str(folder / "data"),
            "SMOLHOG_GATEWAY_PORT": str(first),
            "SMOLHOG_QUERY_PORT": str(first + 1),
            "SMOLHOG_POSTGRES_PORT": str(first + 2),
            "SMOLHOG_CLICKHOUSE_PORT": str(first + 3),
            "SMOLHOG_METRICS_PORT": str(first + 4),
        }
        environment |= settings or {}
        if amqp_url is not None:
            environment["SMOLHOG_AMQP_URL"] = amqp_url
        output = folder / "up.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "smolhog", "up"], env=environment, stdout=log, stderr=log
            )
        stack = WholeStack(process, environment, output, first, first + 1)
        try:
            wait_until(
                lambda: "Ready." in output.read_text() or process.poll() is not None,
                "the stack being ready",
                output,
            )
            assert process.poll() is None, output.read_text()
            stack.write_key = _new_key(stack, "write")
            stack.read_key = _new_key(stack, "read")
            yield stack
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=_START_SECONDS)


def _new_key(stack: WholeStack, kind: str) -> str:
    made = stack.smolhog("keys", "create", "default", "--kind", kind)
    assert made.returncode == 0, made.stderr
    return next(word for word in made.stdout.split() if word.startswith(f"sh_{kind[0]}_"))
