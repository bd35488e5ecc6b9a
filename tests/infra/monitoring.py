"""What Prometheus and Grafana are given, taken apart."""

import json
import re
from typing import Any, NamedTuple

import yaml

from smolhog.reference import metrics_rows
from tests.infra.compose import INFRA

OBSERVABILITY = INFRA / "observability"
PROMETHEUS = OBSERVABILITY / "prometheus"
RULES = PROMETHEUS / "rules.yml"
DASHBOARDS = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))

# Names that are ours, in an expression; those that end in a colon's part are recorded by rules.
NAME = re.compile(r"\bsmolhog[_:][a-z0-9_:]+")


class Query(NamedTuple):
    """One query of a panel."""

    dashboard: str
    panel: str
    source: str
    expression: str


def rules() -> list[dict[str, Any]]:
    """Return all rules, those that record and those that alert."""
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[str]:
    """Return the names of all alerts."""
    return [rule["alert"] for rule in rules() if "alert" in rule]


def queries() -> list[Query]:
    """Return every query of every dashboard."""
    return [
        Query(file.stem, panel["title"], target["datasource"]["uid"], target["expr"])
        for file in DASHBOARDS
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
    ]


def known_series() -> dict[str, set[str]]:
    """Return the series that exist, ours and those that the rules record, and the labels that each has.

    Recorded series have whatever labels their rule leaves, so nothing is said of those.
    """
    series: dict[str, set[str]] = {rule["record"]: set() for rule in rules() if "record" in rule}
    for name, kind, labels, _ in metrics_rows():
        names = {label for label in labels.split(", ") if label}
        if kind == "histogram":
            series |= {f"{name}_{part}": names for part in ("bucket", "sum", "count")}
        else:
            series[name] = names
    return series
