"""The stores take the configuration that compose gives them."""

import subprocess
from xml.etree import ElementTree as ET

import psycopg
import pytest

from smolhog.embedded.identity import choose_identity
from smolhog.embedded.postgres_cluster import program
from smolhog.ports import free_ports
from tests.dataflows.running_flow import wait_until
from tests.fixtures_postgres import postgres_folder
from tests.infra.compose import INFRA, services
from tests.infra.programs import run

PREFIX = "/etc/clickhouse-server/"


def test_postgres_starts_with_these_flags() -> None:
    """The embedded PostgreSQL, which is newer, takes them all, those of initdb too."""
    service = services()["postgres"]
    with postgres_folder() as folder:
        home = folder / "home"
        home.mkdir()
        data = home / "data"
        # PostgreSQL refuses to run as root.
        identity = choose_identity(data, (home, program("initdb")))
        identity.give(home)
        words = service["environment"]["POSTGRES_INITDB_ARGS"].split()
        subprocess.run(
            [program("initdb"), "-D", data, "-U", "smolhog", "--no-sync", "--auth=trust", *words],
            **identity.arguments(),
            preexec_fn=identity.enter,
            check=True,
            capture_output=True,
            cwd=home,
        )
        port = free_ports()
        command = [program("postgres"), *service["command"][1:], "-D", data, "-p", str(port)]
        log = home / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [*command, "-c", "listen_addresses=127.0.0.1", "-k", str(home), "-c", "fsync=off"],
                **identity.arguments(),
                preexec_fn=identity.enter,  # noqa: PLW1509 - this process has no other threads
                cwd=home,
                stdout=output,
                stderr=output,
            ) as server,
        ):
            try:
                url = f"postgresql://smolhog@127.0.0.1:{port}/postgres"
                wait_until(lambda: _answers(url) or server.poll() is not None, "a first answer", log)
                assert server.poll() is None, log.read_text()
                with psycopg.connect(url) as connection:
                    for flag in service["command"][2::2]:
                        name, _, value = flag.partition("=")
                        assert connection.execute(f"SHOW {name}".encode()).fetchone() == (value,)
            finally:
                server.terminate()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def clickhouse_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ET.Element]:
    """Both files that ClickHouse gets, by the folder that they are mounted in."""
    secrets = tmp_path_factory.mktemp("clickhouse") / "secrets"
    assert run("sh", INFRA / "make-secrets", secrets).returncode == 0
    return {
        "config.d": ET.parse(INFRA / "clickhouse" / "smolhog.xml").getroot(),
        "users.d": ET.parse(secrets / "clickhouse_user.xml").getroot(),
    }


def test_clickhouse_files_are_well_formed_and_where_they_are_read(
    clickhouse_files: dict[str, ET.Element],
) -> None:
    """The server itself cannot be run here; its files are XML with the right root, in the right folders."""
    service = services()["clickhouse"]
    mounted = [mount.split(":")[1] for mount in service["volumes"]] + [service["secrets"][0]["target"]]
    for folder, root in clickhouse_files.items():
        assert root.tag == "clickhouse"
        assert f"{PREFIX}{folder}/smolhog.xml" in mounted


def test_clickhouse_keeps_no_log_of_itself_for_ever(clickhouse_files: dict[str, ET.Element]) -> None:
    """Each system log has a time to live or is not written."""
    logs = [
        element
        for element in clickhouse_files["config.d"]
        if element.tag.endswith("_log") and element.tag != "logger"
    ]
    assert {"query_log", "part_log", "trace_log", "text_log", "metric_log"} <= {log.tag for log in logs}
    for log in logs:
        assert log.get("remove") == "remove" or "INTERVAL" in (log.findtext("ttl") or ""), log.tag


def test_clickhouse_has_one_user_and_it_has_a_password(clickhouse_files: dict[str, ET.Element]) -> None:
    """The user without a password, which every server has at first, is gone."""
    users = clickhouse_files["users.d"].find("users")
    assert users is not None
    assert [(user.tag, user.get("remove")) for user in users] == [("default", "remove"), ("smolhog", None)]
    assert len(users.findtext("smolhog/password_sha256_hex") or "") == 64
