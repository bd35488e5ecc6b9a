"""The services of the compose file as processes of this machine, without containers.

Commands, settings and secrets are those of the file; only addresses, ports and folders are others. The
stores are those of the tests, and RabbitMQ has the configuration of the deployment.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from smolhog.ports import free_ports
from tests.dataflows.running_flow import wait_until
from tests.fixtures_rabbitmq import RabbitMQ
from tests.infra.compose import INFRA, clean_environment, services, settings_of
from tests.infra.programs import run

PARTITIONS = 2
PROCESSES = ("gateway", "query-api", "dataflow-0")


@dataclass
class Deployment:
    """What runs, and where."""

    folder: Path
    secrets: Path
    ports: dict[str, int]
    services: dict[str, dict[str, Any]]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        """Return what a service's process gets: its settings, with this machine's addresses."""
        data = self.folder / name
        data.mkdir(exist_ok=True)
        settings = settings_of(self.services[name])
        for variable in settings:
            if variable.endswith("_HOST"):
                settings[variable] = "127.0.0.1"
            elif variable.endswith("_PORT"):
                settings[variable] = str(self.ports[name])
        places = {"SMOLHOG_DATA": str(data), "SMOLHOG_SECRETS": str(self.secrets)}
        return clean_environment() | settings | places

    def start(self, name: str) -> None:
        """Start a service's process."""
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "smolhog", *self.services[name]["command"]],
                env=self.environment(name),
                cwd=self.folder / name,
                stdout=log,
                stderr=log,
            )

    def wait_healthy(self, name: str) -> None:
        """Wait until the service's own health check says yes."""
        url = re.sub(r":\d+/", f":{self.ports[name]}/", self.services[name]["healthcheck"]["test"][-1])
        process = self.processes[name]

        def answers() -> bool:
            try:
                return httpx.get(url).status_code == 200
            except httpx.TransportError:
                return process.poll() is not None

        wait_until(answers, f"{name} being healthy", self.log(name))
        checked = run(sys.executable, "-I", INFRA / "healthy", url)
        assert checked.returncode == 0, checked.stderr + self.log(name).read_text()

    def smolhog(self, name: str, *arguments: str) -> str:
        """Run a command as `docker compose exec` would in a service; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "smolhog", *arguments],
            env=self.environment(name),
            cwd=self.folder / name,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> tuple[int, dict[str, Any]]:
        """Run `smolhog status` with the addresses of all processes; its exit code and what it says."""
        where = {
            "SMOLHOG_QUERY_HOST": "127.0.0.1",
            "SMOLHOG_QUERY_PORT": str(self.ports["query-api"]),
            "SMOLHOG_METRICS_HOST": "127.0.0.1",
            "SMOLHOG_METRICS_PORT": str(self.ports["dataflow-0"]),
        }
        done = subprocess.run(
            [sys.executable, "-m", "smolhog", "status", "--json"],
            env=self.environment("gateway") | where,
            cwd=self.folder / "gateway",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def log(self, name: str) -> Path:
        """Return the file of a process's output."""
        return self.folder / f"{name}.log"

    def url(self, name: str) -> str:
        """Return where a service answers."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def stop(self) -> None:
        """End all processes in order."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(timeout=60)


@contextmanager
def running_rabbitmq(folder: Path, user: str, metrics_port: int) -> Iterator[RabbitMQ]:
    """RabbitMQ with the configuration and the plugin of the deployment, on ports of its own.

    Args:
        folder: its own.
        user: the configuration file of the secret user.
        metrics_port: for its own metrics.
    """
    broker = RabbitMQ(folder)
    given = (INFRA / "rabbitmq" / "rabbitmq.conf").read_text()
    here, replaced = re.subn(r"(listeners\.tcp\.default =) 5672", rf"\1 127.0.0.1:{broker.port}", given)
    assert replaced == 1
    here, replaced = re.subn(
        r"(prometheus\.tcp\.port =) 15692", rf"\1 {metrics_port}\nprometheus.tcp.ip = 127.0.0.1", here
    )
    assert replaced == 1
    (folder / "rabbitmq.conf").write_text(f"{here}\n{user}")
    (folder / "plugins").write_text((INFRA / "rabbitmq" / "enabled_plugins").read_text())
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@contextmanager
def running_deployment(folder: Path, postgres_url: str, clickhouse_url: str) -> Iterator[Deployment]:
    """Everything that compose starts without profiles, in its order, until the block ends."""
    secrets = folder / "secrets"
    made = run("sh", INFRA / "make-secrets", secrets)
    assert made.returncode == 0, made.stderr
    first = free_ports(len(PROCESSES) + 1)
    ports = {name: first + index for index, name in enumerate((*PROCESSES, "rabbitmq"))}
    deployment = Deployment(folder, secrets, ports, services({"SMOLHOG_PARTITIONS": str(PARTITIONS)}))
    home = folder / "rabbitmq"
    home.mkdir()
    user = (secrets / "rabbitmq_user.conf").read_text()
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        booting = pool.submit(stack.enter_context, running_rabbitmq(home, user, ports["rabbitmq"]))
        (secrets / "smolhog_postgres_url").write_text(f"{postgres_url}\n")
        (secrets / "smolhog_clickhouse_url").write_text(f"{clickhouse_url}\n")
        deployment.smolhog("migrate", *deployment.services["migrate"]["command"])
        amqp_url = (secrets / "smolhog_amqp_url").read_text()
        here = f"@127.0.0.1:{booting.result().port}"
        (secrets / "smolhog_amqp_url").write_text(amqp_url.replace("@rabbitmq:5672", here))
        stack.callback(deployment.stop)
        for name in PROCESSES:
            deployment.start(name)
        for name in PROCESSES:
            deployment.wait_healthy(name)
        yield deployment


class Prometheus:
    """A running Prometheus, asked over HTTP.

    Args:
        url: where it answers.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer, which has to be a success."""
        answer = self._client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def values(self, expression: str, at: float | None = None) -> dict[str, float]:
        """Evaluate an expression now, or as of a moment; values by partition, or by number in its answer."""
        moment = {} if at is None else {"time": str(at)}
        result = self.get("/query", query=expression, **moment)["result"]
        return {
            sample["metric"].get("partition", str(index)): float(sample["value"][1])
            for index, sample in enumerate(result)
        }

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
