"""The deployment's processes, watched by the deployment's Prometheus: what it shows is what happened."""

import json
import math
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from projects.keys import KeyKind
from projects.registry import create_key
from smolhog.ports import free_ports
from tests.dataflows.running_flow import wait_until
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_postgres import PostgresServer
from tests.infra.compose import ROOT
from tests.infra.monitoring import NAME, PROMETHEUS, RULES, alerts, queries, rules
from tests.infra.programs import require, run
from tests.infra.running_compose import PARTITIONS, Deployment, Prometheus, running_deployment

FLOW = ROOT / "smolhog" / "flow_starter" / "starter.py"
# Sent by the fixture, once.
GOOD, REPEATED, BAD = 40, 5, 3


@dataclass
class Watched:
    """A deployment, the Prometheus that watches it, and keys of a project."""

    deployment: Deployment
    prometheus: Prometheus
    postgres_url: str
    write_key: str
    read_key: str

    def send(self, events: list[dict[str, Any]]) -> httpx.Response:
        """Send a batch."""
        return httpx.post(
            f"{self.deployment.url('gateway')}/v1/batch",
            headers={"Authorization": f"Bearer {self.write_key}"},
            json={"events": events},
        )

    def ask(self, path: str) -> httpx.Response:
        """Ask the query API."""
        return httpx.get(
            f"{self.deployment.url('query-api')}{path}", headers={"Authorization": f"Bearer {self.read_key}"}
        )


def new_events(count: int) -> list[dict[str, Any]]:
    """Events of many users, so that every partition gets some."""
    return [
        {"event": "seen", "distinct_id": f"user-{index}", "event_id": str(uuid.uuid4())}
        for index in range(count)
    ]


def configuration(deployment: Deployment, folder: Path) -> Path:
    """Write Prometheus' configuration with this machine's targets, each second; returns the file."""
    given = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    names = {"smolhog-dataflow": "dataflow-0", "rabbitmq": "rabbitmq"}
    jobs = []
    for job in given["scrape_configs"]:
        name = names.get(job["job_name"], job["job_name"].removeprefix("smolhog-"))
        if name not in deployment.ports:
            continue  # the ClickHouse of the tests has no metrics of its own
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{deployment.ports[name]}"]}]
        if "authorization" in job:
            token = Path(job["authorization"]["credentials_file"]).name
            job["authorization"] = {"type": "Bearer", "credentials_file": str(deployment.secrets / token)}
        jobs.append(job)
    assert len(jobs) == 4
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    file = folder / "prometheus.yml"
    hasty = hasty_rules(folder)
    file.write_text(yaml.safe_dump({"global": every, "rule_files": [str(hasty)], "scrape_configs": jobs}))
    checked = run(require("promtool", "prometheus"), "check", "config", file)
    assert checked.returncode == 0, checked.stderr
    return file


def hasty_rules(folder: Path) -> Path:
    """Write the rules as they are, but for how long a condition has to hold; returns the file.

    Their own times are shown by rules_test.yml.
    """
    file = folder / "rules.yml"
    given = RULES.read_text()
    hasty, replaced = re.subn(r"^( +for:) \d+m$", r"\1 2s", given, flags=re.MULTILINE)
    assert replaced == len(alerts())
    file.write_text(hasty)
    return file


@pytest.fixture(scope="module")
def watched(
    postgres_server: PostgresServer,
    clickhouse_server: ClickHouseServer,
    rabbitmq_is_there: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Watched]:
    """Everything running, with some of everything that is counted sent through it."""
    del rabbitmq_is_there
    program = require("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("deployment")
    with (
        postgres_server.database() as postgres_url,
        clickhouse_server.database() as database,
        running_deployment(folder, postgres_url, f"{clickhouse_server.url}/{database}") as deployment,
    ):
        port = free_ports()
        command = [
            program,
            f"--config.file={configuration(deployment, folder)}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        with (folder / "prometheus.log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        try:
            deployment.smolhog("gateway", "projects", "create", "shop")
            with psycopg.connect(postgres_url) as connection:
                keys = [
                    create_key(connection, 1, kind, "test").secret for kind in (KeyKind.WRITE, KeyKind.READ)
                ]
            running = Watched(deployment, prometheus, postgres_url, *keys)
            cause_everything(running)
            yield running
        finally:
            prometheus.close()
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)


def cause_everything(watched: Watched) -> None:
    """Send good, repeated and bad events, a request that is none, and questions good and bad; run a flow of somebody's."""
    wait_until(lambda: watched.send([]).status_code == 200, "the gateway knowing the key")
    events = new_events(GOOD)
    bad = [{"event": "", "distinct_id": "somebody"}] * BAD
    assert watched.send(events + bad).json()["results"]
    assert watched.send(events[:REPEATED]).status_code == 200
    assert httpx.post(f"{watched.deployment.url('gateway')}/v1/batch", content=b"{}").status_code == 401
    many = {f"X-{index}": "x" for index in range(200)}
    assert httpx.get(f"{watched.deployment.url('gateway')}/health/live", headers=many).status_code == 431
    wait_until(lambda: watched.ask("/analytics/stats").status_code == 200, "the query API knowing the key")
    assert watched.ask("/analytics/stats?nothing=1").status_code == 400
    told = watched.deployment.smolhog("dataflow-0", "flow", "backfill", str(FLOW), "--json")
    assert json.loads(told)["events"] == GOOD


def test_what_prometheus_shows_is_what_happens(watched: Watched) -> None:
    """Counts that add up, an answer to every query, rules that hold; and alerts while the dataflow is dead.

    One story, since starting all of this takes longer than telling it.
    """
    every_target_is_scraped_with_its_token(watched)
    what_is_counted_adds_up(watched)
    every_query_of_the_dashboards_has_an_answer(watched)
    every_rule_is_evaluated_over_series_that_are_there(watched)
    a_dead_dataflow_fires_the_alerts_and_status_says_why(watched)


def every_target_is_scraped_with_its_token(watched: Watched) -> None:
    """The gateway, the query API, the dataflow and RabbitMQ answer, and say what they should."""
    wait_until(lambda: sum(watched.prometheus.values("up").values()) == 4, "four targets that are up")
    assert watched.prometheus.values("rabbitmq_build_info")


def what_is_counted_adds_up(watched: Watched) -> None:
    """Received = stored + rejected + repeated, in each store; and nothing is left behind in the log."""

    def becomes(expression: str, expected: dict[str, float]) -> None:
        wait_until(lambda: watched.prometheus.values(expression) == expected, f"{expression} = {expected}")

    becomes("sum by (sink) (smolhog_events_stored_total)", {"0": GOOD, "1": GOOD})
    becomes("sum(smolhog_sink_write_events_sum)", {"0": 2 * GOOD})
    becomes("sum(smolhog_events_received_total)", {"0": GOOD + REPEATED + BAD})
    becomes("sum(smolhog_events_acked_total)", {"0": GOOD + REPEATED})
    becomes("sum(smolhog_events_rejected_total)", {"0": BAD})
    becomes("sum(smolhog_events_deduplicated_total)", {"0": REPEATED})
    # An estimate, as it says.
    becomes(f"sum(smolhog_dedup_index_ids) >= bool {GOOD}", {"0": 1})
    becomes("smolhog:lag_messages", {str(partition): 0 for partition in range(PARTITIONS)})
    ends = watched.prometheus.values("smolhog_log_end_offset")
    assert sum(ends.values()) > 0
    becomes("smolhog_stored_offset", ends)
    becomes("smolhog:log_headroom_messages", ends)


def every_query_of_the_dashboards_has_an_answer(watched: Watched) -> None:
    """Numbers, and not only the absence of an error. Events go on meanwhile, as they do."""
    open_queries = {
        query.expression.replace("$__rate_interval", "1m"): query
        for query in queries()
        if query.source == "prometheus"
    }

    def all_answered() -> bool:
        watched.send([*new_events(20), {"event": "", "distinct_id": "somebody"}])
        watched.ask("/analytics/stats")
        for expression in list(open_queries):
            if any(math.isfinite(value) for value in watched.prometheus.values(expression).values()):
                del open_queries[expression]
        return not open_queries

    wait_until(all_answered, f"numbers for all of {list(open_queries)}")


def every_rule_is_evaluated_over_series_that_are_there(watched: Watched) -> None:
    """No rule fails, whatever an alert looks at has a number, and all is well but for what was sent."""

    def evaluated() -> bool:
        groups = watched.prometheus.get("/rules")["groups"]
        return all(rule["health"] == "ok" for group in groups for rule in group["rules"])

    wait_until(evaluated, "rules without an error")
    for name in {name for rule in rules() for name in NAME.findall(rule["expr"])}:
        wait_until(partial(shows, watched, name), f"a number for {name}")

    def met() -> set[str]:
        return {
            rule["alert"] for rule in rules() if "alert" in rule and watched.prometheus.values(rule["expr"])
        }

    wait_until(lambda: met() <= {"SmolHogRejectsRising"}, "no reason for any other alert")


def shows(watched: Watched, expression: str) -> bool:
    """Whether an expression has any value."""
    return bool(watched.prometheus.values(expression))


def a_dead_dataflow_fires_the_alerts_and_status_says_why(watched: Watched) -> None:
    """Killed, it cannot tell; the gateway and the query API do. All is over once it is back."""
    deployment = watched.deployment
    wait_until(lambda: deployment.status()[0] == 0, "no alarms")
    dataflow = deployment.processes["dataflow-0"]
    dataflow.kill()
    dataflow.wait()
    assert watched.send(new_events(100)).status_code == 200
    wait_until(lambda: unserved_and_down(watched), "alerts about the process and its partitions")
    assert "SmolHogLagGrowing" not in firing(watched), "nothing has waited for a minute"
    # As it will be ten minutes from now: what was stored last is that much older.
    with psycopg.connect(watched.postgres_url) as connection:
        connection.execute("UPDATE sink_positions SET log_time = log_time - interval '10 minutes'")
    wait_until(lambda: firing(watched).get("SmolHogLagGrowing") == {"0", "1"}, "the alert on lag in both")
    status, said = deployment.status()
    assert status == 1
    down, *unserved = said["alarms"]
    assert down.startswith("The dataflow-0 does not answer on ")
    for partition, alarm in enumerate(unserved):
        behind = said["partitions"][partition]["behind"]
        assert behind > 0
        assert alarm.startswith(
            f"No dataflow serves partition {partition}: {behind} messages wait in the event log"
        )
    assert len(unserved) == PARTITIONS
    assert all(partition["waits_seconds"] > 600 for partition in said["partitions"])
    deployment.start("dataflow-0")
    lag = partial(watched.prometheus.values, "smolhog:lag_messages")
    wait_until(lambda: lag() == {"0": 0, "1": 0}, "having caught up")
    over = {"SmolHogProcessDown", "SmolHogPartitionUnserved", "SmolHogLagGrowing"}
    wait_until(lambda: not over & firing(watched).keys(), "the alerts being over")
    wait_until(lambda: deployment.status()[0] == 0, "no alarms")


def unserved_and_down(watched: Watched) -> bool:
    """Whether it is known that a process is missing, and which partitions nobody serves."""
    found = firing(watched)
    return "SmolHogProcessDown" in found and found.get("SmolHogPartitionUnserved") == {"0", "1"}


def firing(watched: Watched) -> dict[str, set[str]]:
    """Alerts that Prometheus would send now, and of which partitions."""
    found: dict[str, set[str]] = {}
    for alert in watched.prometheus.get("/alerts")["alerts"]:
        if alert["state"] == "firing":
            labels = alert["labels"]
            found.setdefault(labels["alertname"], set()).add(labels.get("partition", ""))
    return found
