"""The whole stack, started and stopped as a person does it."""

import json
import re
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from smolhog.probes import http_get
from tests.fixtures_postgres import postgres_folder
from tests.smolhog.commands import run_smolhog, stack_settings, started

SUMMARY = re.compile(
    r"^([\d,]+) events acknowledged in .* ([\d,]+) stored: all of them; 0 rejected\.$", re.MULTILINE
)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Poll until the condition holds; fail the test when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_ready(port: str) -> bool:
    """Whether a server of ours answers that it is ready."""
    try:
        return http_get("127.0.0.1", int(port), "/health/ready").status == 200
    except OSError:
        return False


def stats(settings: dict[str, str], read_key: str) -> int:
    """How many events the query API counts for a project."""
    answer = http_get(
        "127.0.0.1",
        int(settings["SMOLHOG_QUERY_PORT"]),
        "/analytics/stats",
        {"Authorization": f"Bearer {read_key}"},
    )
    return int(answer.json()["total_events"])


@pytest.mark.timeout(240)
def test_up(tmp_path: Path) -> None:
    """`up` brings everything, survives a killed process, refuses a second one, and stops without a trace."""
    with postgres_folder() as folder:
        data = folder / "data"
        settings = stack_settings(data)
        with started(tmp_path, "up", settings=settings, until="Ready.") as (process, output):
            # The first project is made; where output is kept its keys are not shown.
            assert 'The project "default" was made' in output
            assert "sh_w_" not in output
            assert not (data / "demo-keys.json").exists()
            # The dashboard's address is, and the page is there; it may not have been built yet.
            page = f"http://127.0.0.1:{settings['SMOLHOG_QUERY_PORT']}/"
            assert f"Dashboard: {page}\n" in output
            shown = http_get("127.0.0.1", int(settings["SMOLHOG_QUERY_PORT"]), "/")
            assert b"SmolHog" in shown.body

            checks = json.loads(run_smolhog(tmp_path, "doctor", "--json", settings=settings).stdout)
            assert {check["status"] for check in checks if check["part"] != "disk"} == {"ok"}

            second = run_smolhog(tmp_path, "up", settings=settings)
            assert second.returncode == 1
            assert f"already running (pid {process.pid}) on {data}" in second.stderr
            assert "SMOLHOG_DATA" in second.stderr

            # Keys: made on standard output alone, listed without their secret, revoked.
            made = run_smolhog(tmp_path, "keys", "create", "default", "--kind", "read", settings=settings)
            read_key = made.stdout.strip()
            assert re.fullmatch(r"sh_r_[0-9a-f]{40}", read_key)
            assert "cannot be shown again" in made.stderr
            listed = json.loads(run_smolhog(tmp_path, "keys", "list", "--json", settings=settings).stdout)
            assert read_key not in str(listed)
            assert (listed[-1]["hint"], listed[-1]["revoked_at"]) == (read_key[-4:], None)
            revoked = run_smolhog(tmp_path, "keys", "revoke", str(listed[-1]["key_id"]), settings=settings)
            assert revoked.returncode == 0
            unknown = run_smolhog(tmp_path, "keys", "revoke", "999", settings=settings)
            assert (unknown.returncode, "no key 999" in unknown.stderr) == (1, True)

            children = psutil.Process(process.pid).children(recursive=True)
            (gateway,) = (child for child in children if child.cmdline()[-1:] == ["gateway"])
            gateway.kill()
            gateway.wait(10)
            wait_until(lambda: is_ready(settings["SMOLHOG_GATEWAY_PORT"]))

            demo = run_smolhog(tmp_path, "demo", "--seconds", "2", "--rate", "100", settings=settings)
            assert demo.returncode == 0, demo.stdout + demo.stderr
            assert "runs already" in demo.stdout
            assert SUMMARY.search(demo.stdout), demo.stdout

            process.send_signal(signal.SIGTERM)
            assert process.wait(90) == 0
            assert not any(child.is_running() for child in children)


@pytest.mark.timeout(240)
def test_demo_alone_and_after_a_kill(tmp_path: Path) -> None:
    """`demo` starts the stack by itself; after SIGKILL of everything's parent the next one goes on."""
    with postgres_folder() as folder:
        data = folder / "data"
        settings = stack_settings(data)
        first = run_smolhog(tmp_path, "demo", "--seconds", "3", "--rate", "100", settings=settings)
        assert first.returncode == 0, first.stdout + first.stderr
        summary = SUMMARY.search(first.stdout)
        assert summary, first.stdout
        acknowledged = int(summary[1].replace(",", ""))
        file = data / "demo-keys.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        keys = json.loads(file.read_text())
        page = f"http://127.0.0.1:{settings['SMOLHOG_QUERY_PORT']}/?from=-30m#key={keys['read_key']}"
        assert f"Dashboard: {page}\n" in first.stdout

        with started(tmp_path, "up", settings=settings, until="Ready.") as (process, _):
            assert stats(settings, keys["read_key"]) == acknowledged
            process.kill()
            process.wait(10)
        second = run_smolhog(tmp_path, "demo", "--seconds", "2", "--rate", "100", settings=settings)
        assert second.returncode == 0, second.stdout + second.stderr
        assert SUMMARY.search(second.stdout), second.stdout
        assert json.loads(file.read_text()) == keys
