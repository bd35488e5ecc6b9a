"""The command line when nothing runs: help, mistakes, and what it says about them."""

import json
import re
import socket
from pathlib import Path

import pytest

from tests.smolhog.commands import run_smolhog, stack_settings

NO_TRACEBACK = re.compile(r"\A((?!Traceback).)*\Z", re.DOTALL)


def test_help_names_the_first_step(tmp_path: Path) -> None:
    """A newcomer learns which command to try, and does not see the inner ones."""
    done = run_smolhog(tmp_path, "--help")
    assert done.returncode == 0
    assert "smolhog demo" in done.stdout
    assert "query-api" not in done.stdout


def test_version_is_one_line(tmp_path: Path) -> None:
    """For bug reports."""
    done = run_smolhog(tmp_path, "version")
    assert done.returncode == 0
    assert done.stdout.startswith("smolhog ")
    assert done.stdout.count("\n") == 1


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    """Exit code 1, the variable's name, and no traceback."""
    done = run_smolhog(tmp_path, "up", settings={"SMOLHOG_GATEWAY_PORT": "99999"})
    assert done.returncode == 1
    assert "SMOLHOG_GATEWAY_PORT: input should be less than or equal to 65535" in done.stderr
    assert NO_TRACEBACK.match(done.stderr)


def test_a_misspelt_option_is_a_usage_error(tmp_path: Path) -> None:
    """Exit code 2 tells scripts apart what was asked wrongly from what could not be done."""
    done = run_smolhog(tmp_path, "up", "--verbos")
    assert done.returncode == 2
    assert "--verbos" in done.stderr


def test_keys_need_a_stack_that_was_started(tmp_path: Path) -> None:
    """Before the first start there is no database to make keys in, and the way out is said."""
    done = run_smolhog(tmp_path, "keys", "list", settings={"SMOLHOG_DATA": str(tmp_path / "data")})
    assert done.returncode == 1
    assert "nothing was ever started" in done.stderr
    assert "smolhog up" in done.stderr
    assert not (tmp_path / "data").exists()


def test_an_away_database_is_one_sentence(tmp_path: Path) -> None:
    """A server that does not answer is named, with its setting."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings = {"SMOLHOG_POSTGRES_URL": f"postgresql://u@127.0.0.1:{port}/x"}
    for arguments in (["projects", "list"], ["migrate", "--wait", "0"]):
        done = run_smolhog(tmp_path, *arguments, settings=settings)
        assert done.returncode == 1
        assert "PostgreSQL does not answer" in done.stderr
        assert "SMOLHOG_POSTGRES_URL" in done.stderr
        assert NO_TRACEBACK.match(done.stderr)


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    """Nothing is left running, and no database is made, when a port is missing."""
    settings = stack_settings(tmp_path / "data")
    with socket.create_server(("127.0.0.1", int(settings["SMOLHOG_GATEWAY_PORT"]))):
        done = run_smolhog(tmp_path, "up", settings=settings)
    assert done.returncode == 1
    assert "(gateway) is taken by" in done.stderr
    assert "SMOLHOG_GATEWAY_PORT=" in done.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_the_doctor_before_the_first_start(tmp_path: Path) -> None:
    """Nothing runs, which is no failure; each line says what to do."""
    done = run_smolhog(tmp_path, "doctor", "--json", settings=stack_settings(tmp_path / "data"))
    assert done.returncode == 0
    checks = {check["part"]: check for check in json.loads(done.stdout)}
    assert checks["python"]["status"] == "ok"
    assert checks["event log"]["status"] == "ok"
    for part in ("smolhog up", "PostgreSQL", "ClickHouse", "gateway", "query API"):
        assert checks[part]["status"] == "warn"
        assert "smolhog up" in checks[part]["advice"]


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("SMOLHOG_POSTGRES_URL=postgresql://u@127.0.0.1:{port}/x", "PostgreSQL"),
        ("SMOLHOG_CLICKHOUSE_URL=http://127.0.0.1:{port}", "ClickHouse"),
        ("SMOLHOG_AMQP_URL=amqp://127.0.0.1:{port}", "event log"),
    ],
)
def test_the_doctor_fails_for_a_named_service_that_is_away(tmp_path: Path, setting: str, part: str) -> None:
    """Who names a server means it to be there: exit code 1, and the setting to correct."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    name, _, url = setting.format(port=port).partition("=")
    settings = {**stack_settings(tmp_path / "data"), name: url}
    done = run_smolhog(tmp_path, "doctor", settings=settings)
    assert done.returncode == 1
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("fail"))
    assert part in line
    assert "does not answer" in line
    assert name in done.stdout
    assert done.stderr == ""


def test_the_doctor_points_out_misspelt_variables(tmp_path: Path) -> None:
    """A setting that never had any effect is worth a warning."""
    settings = {**stack_settings(tmp_path / "data"), "SMOLHOG_GATWAY_PORT": "1"}
    done = run_smolhog(tmp_path, "doctor", settings=settings)
    assert "did you mean SMOLHOG_GATEWAY_PORT?" in done.stdout
