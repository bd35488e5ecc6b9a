"""A backup is restored into a new installation, which then answers as the old one did."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from smolhog_client import Client
from tests.dataflows.running_flow import wait_until
from tests.smolhog.commands import run_smolhog, stack_settings, started
from tests.whole_stack import WholeStack, whole_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[WholeStack]:
    """A running stack with events of five users."""
    with whole_stack() as running:
        asyncio.run(_send(running, 0, 500))
        wait_until(lambda: running.analytics("stats")["total_events"] == 500, "all counted", running.output)
        yield running


async def _send(stack: WholeStack, begin: int, end: int) -> None:
    async with Client(stack.stream_url, write_key=stack.write_key) as client:
        for number in range(begin, end):
            await client.track(f"event_{number % 3}", f"user-{number % 5}", {"plan": "pro", "n": number})


def _ask(port: str, key: str, path: str) -> object:
    answer = httpx.get(
        f"http://127.0.0.1:{port}/analytics/{path}", headers={"Authorization": f"Bearer {key}"}, timeout=60
    )
    answer.raise_for_status()
    body = answer.json()
    for volatile in ("as_of", "source"):
        body.pop(volatile, None)
    return body


def test_what_was_backed_up_answers_as_before(stack: WholeStack, tmp_path: Path) -> None:
    """Events, numbers, users and keys are those of the snapshot, in both stores; a damaged file changes nothing."""
    before = _ask(str(stack.query_port), stack.read_key, "stats")
    newest = _ask(str(stack.query_port), stack.read_key, "events?limit=1000")
    file = tmp_path / "smolhog.backup"
    made = stack.smolhog("backup", str(file))
    assert made.returncode == 0, made.stderr
    assert str(file) in made.stdout
    assert file.stat().st_mode & 0o777 == 0o600  # nobody else may read it
    asyncio.run(_send(stack, 500, 600))
    wait_until(lambda: stack.analytics("stats")["total_events"] == 600, "all counted", stack.output)
    settings = stack_settings(tmp_path / "new")
    damaged = tmp_path / "damaged.backup"
    damaged.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    refused = run_smolhog(tmp_path, "restore", str(damaged), settings=settings)
    assert refused.returncode == 1
    assert "pg_restore failed" in refused.stderr
    # It left nothing behind, so the folder is as good as new.
    restored = run_smolhog(tmp_path, "restore", str(file), settings=settings)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "500 events checked, no difference" in restored.stdout
    with started(tmp_path, "up", settings=settings, until="Ready"):
        port = settings["SMOLHOG_QUERY_PORT"]
        assert _ask(port, stack.read_key, "stats") == before
        assert _ask(port, stack.read_key, "events?limit=1000") == newest
        verified = run_smolhog(tmp_path, "verify", "--dimensions", settings=settings)
        assert verified.returncode == 0, verified.stdout
        # It lives: what comes now is added.
        gateway = f"http://127.0.0.1:{settings['SMOLHOG_GATEWAY_PORT']}/v1/batch"
        sent = httpx.post(
            gateway,
            json={"events": [{"event": "after", "distinct_id": "u"}]},
            headers={"Authorization": f"Bearer {stack.write_key}"},
            timeout=30,
        )
        assert sent.status_code == 200

        def total() -> int:
            body = _ask(port, stack.read_key, "stats")
            assert isinstance(body, dict)
            return int(body["total_events"])

        wait_until(lambda: total() == 501, "the new event counted")
    again = run_smolhog(tmp_path, "restore", str(file), settings=settings)
    assert again.returncode == 1
    assert "PostgreSQL is not empty" in again.stderr


def test_a_backup_never_replaces_a_good_one_by_a_bad_one(tmp_path: Path) -> None:
    """Where the database does not answer, the file of yesterday is still there."""
    file = tmp_path / "smolhog.backup"
    file.write_bytes(b"yesterday")
    failed = run_smolhog(tmp_path, "backup", str(file), settings=stack_settings(tmp_path / "none"))
    assert failed.returncode == 1
    assert file.read_bytes() == b"yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["smolhog.backup"]


def test_what_arrived_after_the_backup_comes_back_from_the_event_log(
    stack: WholeStack, tmp_path: Path
) -> None:
    """A new installation over the old event log reads on from where the backup ends, and counts nothing twice."""
    file = tmp_path / "smolhog.backup"
    assert stack.smolhog("backup", str(file)).returncode == 0
    total = stack.analytics("stats")["total_events"] + 100
    asyncio.run(_send(stack, 1_000, 1_100))
    wait_until(lambda: stack.analytics("stats")["total_events"] == total, "all counted", stack.output)
    log = Path(stack.environment["SMOLHOG_DATA"]) / "log"
    settings = stack_settings(tmp_path / "new")
    shutil.copytree(log, tmp_path / "new" / "log")
    restored = run_smolhog(tmp_path, "restore", str(file), settings=settings)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    with started(tmp_path, "up", settings=settings, until="Ready"):
        verified = run_smolhog(tmp_path, "verify", "--dimensions", settings=settings)
        assert verified.returncode == 0, verified.stdout
        body = _ask(settings["SMOLHOG_QUERY_PORT"], stack.read_key, "stats")
        assert isinstance(body, dict)
        assert body["total_events"] == total
