"""A private RabbitMQ node for tests, from the distribution's `rabbitmq-server` package.

Everything is the node's own: ports, folders, cookie, and the port mapper (epmd), so nodes of
parallel test runs never meet. Erlang's scheduler and memory are kept small.
"""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aio_pika
import pytest

_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_BOOT_SECONDS = 90.0
_MOST_PARTITIONS = 8
"""Of a log in any test here."""
_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class RabbitMQ:
    """One broker node; keeps its data across `stop`, `kill` and `restart`.

    Attributes:
        port: where it speaks AMQP, on 127.0.0.1.
        url: AMQP URL with credentials.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self._dist_port, self._epmd_port = _free_ports(3)
        self.url = self.url_at(self.port)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        for name in ("home", "mnesia", "log"):
            (folder / name).mkdir()
        (folder / "plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n"
            "vm_memory_high_watermark.absolute = 512MB\n"
            "disk_free_limit.absolute = 50MB\n"
            "log.console.level = warning\n"
        )

    @staticmethod
    def url_at(port: int) -> str:
        """Return the AMQP URL of this broker behind another port: that of a proxy."""
        return f"amqp://guest:guest@127.0.0.1:{port}/"

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return os.environ | {
            "HOME": str(folder / "home"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "smolhog-test@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +SDio 8 +sbwt none +sbwtdcpu none +sbwtdio none",
            # Makes the start script become the node, so that its process id is the node's.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def start(self) -> None:
        """Start the node and wait until it speaks AMQP."""
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _wait_until(lambda: _accepts(self._epmd_port), "epmd does not answer")
        with (self._folder / "node.log").open("ab") as output:
            self._node = subprocess.Popen(
                [_SERVER],
                env=self._environment(),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        _wait_until(self._speaks_amqp, "RabbitMQ did not start")

    def _speaks_amqp(self) -> bool:
        assert self._node is not None
        if self._node.poll() is not None:
            log = (self._folder / "node.log").read_text(errors="replace")
            raise AssertionError(f"RabbitMQ ended with {self._node.returncode}:\n{log[-3000:]}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(_PROTOCOL_HEADER)
                return connection.recv(1) == b"\x01"  # a method frame: Connection.Start
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The process id of the node."""
        assert self._node is not None
        return self._node.pid

    def stop(self) -> None:
        """End the node in order (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node on the spot (SIGKILL)."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        node, self._node = self._node, None
        if node is None:
            return
        node.send_signal(how)
        try:
            node.wait(timeout=60)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()

    def restart(self) -> None:
        """Stop in order, and start again with the same data and ports."""
        self.stop()
        self.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze the node (SIGSTOP): its connections stay open and silent."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def pause(self) -> None:
        """Freeze the node until `resume()`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen node go on."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the node and its port mapper."""
        self.kill()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait()
            self._epmd = None


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], message: str) -> None:
    deadline = time.monotonic() + _BOOT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(message)
        time.sleep(0.05)


def _require_rabbitmq() -> None:
    if _SERVER.exists() and shutil.which("epmd"):
        return
    reason = "needs the rabbitmq-server package"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}: CI runs every test")
    pytest.skip(reason)


def _run_broker() -> Iterator[RabbitMQ]:
    _require_rabbitmq()
    folder = Path(tempfile.mkdtemp(prefix="rmq-"))
    broker = RabbitMQ(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """The broker that all tests of one worker share; leave it running."""
    yield from _run_broker()


@pytest.fixture(scope="module")
def own_rabbitmq() -> Iterator[RabbitMQ]:
    """A broker for the module alone, to stop, kill and freeze; leave it running after each test."""
    yield from _run_broker()


_prefixes = itertools.count()


@pytest.fixture
def log_prefix() -> str:
    """A queue name prefix that no other test uses."""
    return f"test-{os.getpid()}-{next(_prefixes)}"


@pytest.fixture
async def empty_rabbitmq(rabbitmq: RabbitMQ) -> RabbitMQ:
    """The shared broker without a log of the usual name, for tests whose processes take that name."""
    async with await aio_pika.connect(rabbitmq.url) as connection, connection.channel() as channel:
        for name in ("partitions", "log_id", *range(_MOST_PARTITIONS)):
            await channel.queue_delete(f"smolhog.events.{name}")
    return rabbitmq


@pytest.fixture(scope="session")
def rabbitmq_is_there() -> None:
    """For tests that start a broker by themselves: skips them where there is none to start."""
    _require_rabbitmq()
