"""`smolhog flow …` where nothing runs: what needs no services, and what is said where they are missing."""

import json
from pathlib import Path

import pytest

from tests.smolhog.commands import run_smolhog, stack_settings

BROKEN = "import nothing_of_that_name\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which `smolhog flow new revenue` was run."""
    done = run_smolhog(tmp_path, "flow", "new", "revenue")
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_a_new_flow_passes_its_own_test(folder: Path) -> None:
    """File, table and test; none of them speaks of the starter that they were copied from."""
    files = {
        str(file.relative_to(folder)): file.read_text()
        for file in (folder / "flows").rglob("*")
        if file.is_file()
    }
    assert sorted(files) == [
        "flows/revenue/revenue.py",
        "flows/revenue/tables/0001_revenue.clickhouse.sql",
        "flows/revenue/test_revenue.py",
    ]
    assert "starter" not in "".join(files.values())
    tested = run_smolhog(folder, "flow", "test", "revenue")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout


def test_a_test_that_fails_is_exit_code_1(folder: Path) -> None:
    """As pytest has it."""
    (folder / "flows" / "revenue" / "test_more.py").write_text("def test_it() -> None:\n    assert False\n")
    assert run_smolhog(folder, "flow", "test", "revenue").returncode == 1


def test_nothing_is_overwritten(folder: Path) -> None:
    """Neither file nor folder; a name that a flow cannot have is said."""
    file = folder / "flows" / "revenue" / "revenue.py"
    file.write_text("mine\n")
    again = run_smolhog(folder, "flow", "new", "revenue")
    assert again.returncode == 1
    assert "nothing was written" in again.stderr
    assert file.read_text() == "mine\n"
    assert "names no flow" in run_smolhog(folder, "flow", "new", "Re-Venue").stderr


def test_the_list_says_what_each_declares_and_what_is_wrong_with_it(folder: Path) -> None:
    """One that cannot be imported hides no other."""
    broken = folder / "flows" / "broken" / "broken.py"
    broken.parent.mkdir()
    broken.write_text(BROKEN)
    other = folder / "flows" / "other" / "other.py"
    other.parent.mkdir()
    other.write_text((folder / "flows" / "revenue" / "revenue.py").read_text())
    settings = {**stack_settings(folder / "data"), "SMOLHOG_FLOWS": "flows/revenue/revenue.py"}
    listed = run_smolhog(folder, "flow", "list", "--json", settings=settings)
    assert listed.returncode == 0, listed.stderr
    flows = {flow["name"]: flow for flow in json.loads(listed.stdout)}
    assert flows["revenue"]["outputs"] == ["ClickHouse table revenue"]
    assert (flows["revenue"]["state"], flows["revenue"]["is_configured"]) == ("unknown", True)
    assert "No module named 'nothing_of_that_name'" in flows["broken"]["reason"]
    assert "declares a flow called revenue" in flows["other"]["reason"]
    shown = run_smolhog(folder, "flow", "list", settings=settings)
    assert "event log from beginning" in shown.stdout


def test_the_graph_is_mermaid(folder: Path) -> None:
    """With every step by its name."""
    drawn = run_smolhog(folder, "flow", "graph", "flows/revenue")
    assert drawn.stdout.startswith("flowchart TD\n")
    assert "tumbling_windows" in drawn.stdout
    described = json.loads(run_smolhog(folder, "flow", "graph", "revenue", "--json").stdout)
    assert described["outputs"] == {"table": "ClickHouse table revenue"}


@pytest.mark.parametrize("command", [("run",), ("backfill",), ("reset", "--yes")])
def test_without_a_stack_the_way_out_is_said(folder: Path, command: tuple[str, ...]) -> None:
    """One sentence, and no traceback."""
    name, *options = command
    done = run_smolhog(folder, "flow", name, "revenue", *options, settings=stack_settings(folder / "data"))
    assert done.returncode == 1
    assert "smolhog up" in done.stderr
    assert "Traceback" not in done.stderr


def test_running_all_flows_needs_some(folder: Path) -> None:
    """A folder without flows is a mistake, or an empty volume."""
    (folder / "empty").mkdir()
    settings = {**stack_settings(folder / "data"), "SMOLHOG_FLOWS": "empty"}
    done = run_smolhog(folder, "flow", "run", settings=settings)
    assert done.returncode == 1
    assert "SMOLHOG_FLOWS names no flow: empty has none" in done.stderr


@pytest.mark.parametrize("name", ["new", "test", "run", "backfill", "list", "graph", "reset"])
def test_every_command_shows_an_example(tmp_path: Path, name: str) -> None:
    """At the end of its help."""
    shown = run_smolhog(tmp_path, "flow", name, "--help")
    assert shown.returncode == 0
    assert f"smolhog flow {name}" in shown.stdout
