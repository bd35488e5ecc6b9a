"""Prometheus is told what exists, and each alert fires when it should and not otherwise."""

from typing import Any

import pytest
import yaml

from smolhog.settings import Settings
from tests.infra.compose import ROOT, services
from tests.infra.monitoring import NAME, PROMETHEUS, RULES, alerts, known_series, rules
from tests.infra.programs import require, run

STORIES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]


def test_the_rules_hold_in_every_story() -> None:
    """rules_test.yml, told by Prometheus' own tool."""
    told = run(require("promtool", "prometheus"), "test", "rules", PROMETHEUS / "rules_test.yml")
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("name", alerts())
def test_each_alert_has_a_story_with_it_and_one_without(name: str) -> None:
    """An alert that never fires, or always, is worse than none."""
    told = [
        bool(case.get("exp_alerts"))
        for story in STORIES
        for case in story.get("alert_rule_test", [])
        if case["alertname"] == name
    ]
    assert set(told) == {True, False}


def test_rules_ask_for_series_that_exist() -> None:
    """A misspelt name would be an alert that never fires."""
    known = known_series()
    for rule in rules():
        assert set(NAME.findall(rule["expr"])) <= known.keys(), rule["expr"]


@pytest.mark.parametrize("name", alerts())
def test_the_operator_is_told_what_to_do(name: str) -> None:
    """Each alert says what is the matter, how bad it is, and has a paragraph in docs/deployment.md."""
    rule = next(rule for rule in rules() if rule.get("alert") == name)
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"]
    assert f"`{name}`" in (ROOT / "docs" / "deployment.md").read_text()


def test_the_configuration_is_one_and_scrapes_what_compose_runs() -> None:
    """Each target is a service and a port of it; the token is the secret that it is given."""
    checked = run(
        require("promtool", "prometheus"), "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"
    )
    assert checked.returncode == 0, checked.stderr
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert configuration["rule_files"] == [RULES.name]
    running = services()
    targets = set()
    for job in configuration["scrape_configs"]:
        named = [target for group in job.get("static_configs", []) for target in group["targets"]]
        named += [
            f"{name}:{group['port']}" for group in job.get("dns_sd_configs", []) for name in group["names"]
        ]
        assert {target.partition(":")[0] for target in named} <= running.keys()
        targets |= set(named)
        if job["job_name"].startswith("smolhog-"):
            token = job["authorization"]["credentials_file"].removeprefix("/run/secrets/")
            assert token in running["prometheus"]["secrets"]
    assert {"gateway:8400", "query-api:8401"} <= targets
    assert {f"dataflow-{index}:{8410 + index}" for index in range(4)} <= targets
    assert {"rabbitmq:15692", "clickhouse:9363"} <= targets
    assert f"flows:{Settings.model_fields['flow_metrics_port'].default}" in targets
