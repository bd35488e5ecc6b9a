"""SECURITY.md claims only what a test shows."""

import ast
import re
from pathlib import Path

import pytest

from smolhog.patience import Patience

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_named_tests_exist(file: str, name: str) -> None:
    """Whoever renames a test corrects the document."""
    tree = ast.parse((ROOT / file).read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in functions


def test_every_defence_names_a_test() -> None:
    """Each row of a table about what holds ends with one."""
    holds = TEXT.partition("## What holds")[2].partition("## What does not hold")[0]
    rows = [
        line
        for line in holds.splitlines()
        if line.startswith("| ") and not line.startswith(("| defence", "| attack"))
    ]
    assert len(rows) > 20
    assert all("`tests/" in row for row in rows)


def test_bounds_are_those_of_the_code() -> None:
    """The numbers in the document are the defaults."""
    patience = Patience()
    for words in (
        f"{patience.header_seconds:g} s for the headers",
        f"{patience.request_seconds:g} s for any request",
        f"{patience.idle_seconds} s between two",
        f"{patience.header_bytes // 1024} KiB and {patience.headers} of them",
        f"{patience.pipelined} of a connection",
        f"{patience.messages_at_once:,} messages read ahead, {patience.fragments:,} fragments",
    ):
        assert words in TEXT
