"""Grafana is given dashboards over series that exist, and Loki the lines that our processes write."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.compose import services
from tests.infra.monitoring import DASHBOARDS, NAME, OBSERVABILITY, Query, known_series, queries, rules

PROVISIONING = OBSERVABILITY / "grafana" / "provisioning"
ALLOY = (OBSERVABILITY / "alloy" / "config.alloy").read_text()
# Of Grafana Alloy, as its reference has them.
STAGES = {"docker", "drop", "json", "label_drop", "labels", "match", "output", "static_labels", "timestamp"}


def sources() -> list[dict[str, Any]]:
    """Return the data sources that Grafana is given."""
    found: list[dict[str, Any]] = yaml.safe_load(
        (PROVISIONING / "datasources" / "datasources.yml").read_text()
    )["datasources"]
    return found


@pytest.mark.parametrize("query", queries(), ids=lambda query: f"{query.dashboard}-{query.panel}")
def test_each_query_asks_for_series_that_exist(query: Query) -> None:
    """By names, and by labels where it groups what we count."""
    assert query.source in {source["uid"] for source in sources()}
    if query.source != "prometheus":
        return
    known = known_series()
    named = NAME.findall(query.expression)
    assert set(named) <= known.keys()
    labels = set().union(*(known[name] for name in named))
    if any(":" in name for name in named) or not named:
        return
    for grouped in re.findall(r"by \(([^)]+)\)", query.expression):
        assert set(grouped.split(", ")) <= labels | {"le", "job", "instance"}, query.expression


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_each_dashboard_can_be_provisioned(file: Path) -> None:
    """Panels have a place of their own, a unit and a title; the dashboards link to each other by their tag."""
    dashboard = json.loads(file.read_text())
    assert dashboard["uid"] == f"smolhog-{file.stem}"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "logs" or panel["fieldConfig"]["defaults"]["unit"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    assert dashboard["links"][0]["tags"] == dashboard["tags"]


def test_grafana_finds_its_files_and_sources() -> None:
    """What is provisioned is mounted where it is looked for, and sources are services of compose."""
    running = services()
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "dashboards.yml").read_text())["providers"]
    mounts = [mount.split(":")[1] for mount in running["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounts
    assert "/etc/grafana/provisioning" in mounts
    for source in sources():
        host = re.fullmatch(r"http://([a-z]+):\d+", source["url"])
        assert host is not None
        assert host[1] in running


def test_the_collector_sends_what_it_reads_to_loki() -> None:
    """Each receiver is a component of the file, each stage is one, and braces close."""
    code = re.sub(r"//(?!loki).*", "", ALLOY)
    assert code.count("{") == code.count("}")
    components = set(re.findall(r'^([a-z.]+\.[a-z_]+) "(\w+)" \{', code, flags=re.MULTILINE))
    for reference in re.findall(r"= \[?([a-z_.]+)\.(?:receiver|targets)\]?", code):
        kind, _, name = reference.rpartition(".")
        assert (kind, name) in components
    assert set(re.findall(r"stage\.(\w+) ", code)) <= STAGES
    loki = yaml.safe_load((OBSERVABILITY / "loki" / "loki.yml").read_text())
    assert f"http://loki:{loki['server']['http_listen_port']}/loki/api/v1/push" in code
    assert f"http://loki:{loki['server']['http_listen_port']}" in {source["url"] for source in sources()}


def test_the_collector_tells_our_containers_by_what_docker_writes_about_them() -> None:
    """Docker adds the labels to each line because compose asks it to; the collector looks for these."""
    for name, service in services().items():
        labels = service["logging"]["options"]["labels"].split(",")
        for label in labels:
            assert f'attrs.\\"{label}\\"' in ALLOY, name
    mounts = services()["alloy"]["volumes"]
    assert "/var/lib/docker/containers:/var/lib/docker/containers:ro" in mounts
    assert not any("docker.sock" in mount for mount in mounts)


def test_loki_forgets_after_a_while() -> None:
    """Logs do not fill the disk."""
    loki = yaml.safe_load((OBSERVABILITY / "loki" / "loki.yml").read_text())
    assert loki["compactor"]["retention_enabled"]
    assert loki["limits_config"]["retention_period"].endswith("h")


def test_whatever_is_derived_is_looked_at() -> None:
    """Each recorded series is in a dashboard or in another rule."""
    asked = [query.expression for query in queries()] + [rule["expr"] for rule in rules()]
    looked_at = {name for expression in asked for name in NAME.findall(expression)}
    assert {rule["record"] for rule in rules() if "record" in rule} <= looked_at
