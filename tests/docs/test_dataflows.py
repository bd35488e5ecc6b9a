"""The tutorial on dataflows, followed word by word in a fresh folder."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dataflows.kit
from tests.docs.walkthrough import Walkthrough, blocks_of, shell_path
from tests.fixtures_postgres import postgres_folder
from tests.smolhog.commands import environment, stack_settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "dataflows.md"
PORTS = {"GATEWAY": 8400, "QUERY": 8401, "CLICKHOUSE": 8403}


@pytest.fixture
def walkthrough() -> Iterator[Walkthrough]:
    """An empty folder, and a shell whose ports nobody else has."""
    with postgres_folder() as folder:
        empty = folder / "shop"
        empty.mkdir(mode=0o755)
        settings = stack_settings(Path("smolhog-data"))
        del settings["SMOLHOG_DATA"]
        instead = {
            f"127.0.0.1:{port}": f"127.0.0.1:{settings[f'SMOLHOG_{name}_PORT']}"
            for name, port in PORTS.items()
        }
        following = Walkthrough(empty, {**environment(settings), "PATH": shell_path()}, instead)
        try:
            yield following
        finally:
            following.close()


@pytest.mark.timeout(600)
def test_the_tutorial_works_word_by_word(walkthrough: Walkthrough) -> None:
    """From an empty file to a chart, live, changed, and for good."""
    blocks = blocks_of(PAGE)
    walkthrough.follow(blocks)
    assert walkthrough.done == len(blocks) > 20


def test_the_table_names_all_that_there_is_to_import() -> None:
    """And nothing that is not there; types are not for a table."""
    types = {
        "Aggregate",
        "Alert",
        "Event",
        "EventBatch",
        "Events",
        "Flow",
        "Rows",
        "Window",
        "WindowRows",
        "Windows",
    }
    helpers = {"is_signed", "named", "prop"}
    table = PAGE.read_text().partition("## What there is")[2]
    named = set(re.findall(r"`(\w+)`", table)) & set(dataflows.kit.__all__)
    assert named == set(dataflows.kit.__all__) - types - helpers


def test_links_between_the_pages_lead_somewhere() -> None:
    """Of this page, those on flows, and the examples."""
    for page in (PAGE, *DOCS.glob("dataflows-*.md"), *(DOCS / "flows").glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
