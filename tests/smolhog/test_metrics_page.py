"""The page of metrics says what there is to see."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from smolhog.reference import metrics_page, metrics_rows
from tests.smolhog.commands import run_smolhog

ROOT = Path(__file__).parents[2]


def test_every_metric_is_documented() -> None:
    """docs/metrics.md is what the code says now; `make docs` writes it, with a command."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert page == metrics_page()
    assert run_smolhog(ROOT, "metrics", "--markdown").stdout == page


def test_no_metric_is_missing() -> None:
    """Whatever of ours is registered with the client library stands in the table, by the name it is asked for."""
    registered = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in REGISTRY.collect()
        if family.name.startswith("smolhog_")
    }
    assert {name for name, *_ in metrics_rows()} == registered


@pytest.mark.parametrize("row", metrics_rows(), ids=lambda row: row[0])
def test_every_metric_says_what_it_means(row: tuple[str, str, str, str]) -> None:
    """A sentence; a unit in the name where there is one; nobody's name or key as a label."""
    name, _, labels, meaning = row
    assert meaning.endswith(".")
    assert re.fullmatch(r"smolhog_[a-z_]+", name)
    assert not {"project", "key", "event", "distinct_id"} & set(labels.split(", "))
