"""Every command that comes to an end can say what it did in JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from smolhog.cli import app
from tests.smolhog.commands import run_smolhog
from tests.whole_stack import WholeStack, whole_stack

# They run until they are stopped, or print what another program says, or pages.
WITHOUT = {"up", "demo", "gateway", "dataflow", "query-api", "commands", "flow run", "flow test"}


def commands(group: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Yield each command's name and its options."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*names, name))
        else:
            yield " ".join((*names, name)), {option for each in command.params for option in each.opts}


def test_every_command_that_ends_has_the_option() -> None:
    """All but those that are named here."""
    found = {name for name, options in commands(typer.main.get_command(app)) if "--json" not in options}
    assert found == WITHOUT


@pytest.fixture(scope="module")
def stack() -> Iterator[WholeStack]:
    """A stack of its own."""
    with whole_stack() as running:
        yield running


def told(stack: WholeStack, *arguments: str) -> Any:
    """Run a command; standard output is JSON and nothing else."""
    done = stack.smolhog(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_was_done_to_projects_and_keys_is_told(stack: WholeStack) -> None:
    """As it is afterwards."""
    made = told(stack, "projects", "create", "shop")
    assert made["name"] == "shop"
    assert told(stack, "projects", "retention", "shop", "--days", "90") == {**made, "retention_days": 90}
    assert told(stack, "projects", "pause", "shop")["paused_at"] is not None
    assert told(stack, "projects", "resume", "shop")["paused_at"] is None
    key = told(stack, "keys", "create", "shop", "--kind", "read")
    assert key["key"].startswith("sh_r_")
    assert (key["project"], key["project_id"]) == ("shop", made["project_id"])
    (listed,) = [each for each in told(stack, "keys", "list") if each["project"] == "shop"]
    assert told(stack, "keys", "revoke", str(listed["key_id"]))["revoked_at"] is not None


def test_what_was_done_to_events_is_told(stack: WholeStack, tmp_path: Path) -> None:
    """An import, its backup, a rebuild, and what was rejected."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"event": "a", "distinct_id": "u", "timestamp": "2026-01-31T12:00:00Z"}\n{"event": "a"}\n'
    )
    arguments = ("import", str(rows), "--key", stack.write_key, "--state", str(tmp_path / "state"), "--json")
    done = stack.smolhog(*arguments)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert (report["stored"], report["rejected"]) == (1, 1)
    assert [row["line"] for row in report["first_rejected"]] == [2]
    rebuilt = told(stack, "rebuild", "--from", "2026-01-31", "--to", "2026-02-01", "--yes")
    assert rebuilt["events"] == 1
    assert told(stack, "rejected", "replay") == {"passed": 0, "refused": {}, "dry_run": False}
    backup = tmp_path / "backup"
    assert told(stack, "backup", str(backup)) == {"file": str(backup), "bytes": backup.stat().st_size}
    assert told(stack, "migrate") == {"postgres": [], "clickhouse": []}


def test_the_version_is_told(tmp_path: Path) -> None:
    """For programs that look for one."""
    done = run_smolhog(tmp_path, "version", "--json")
    assert json.loads(done.stdout).keys() == {"smolhog", "python"}
