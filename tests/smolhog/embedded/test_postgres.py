"""The embedded PostgreSQL as its supervisor and its clients see it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from smolhog.embedded.errors import FolderUnusableError
from smolhog.embedded.identity import namespaces_work
from smolhog.embedded.postgres import connection_url
from smolhog.embedded.postgres_cluster import Cluster
from tests.fixtures_postgres import PostgresServer, postgres_folder, running_postgres


def _value(url: str, sql: bytes) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def test_serves_version_18_in_utc_and_utf8(postgres_server: PostgresServer) -> None:
    """A new folder gives a server with the settings that the schema counts on."""
    url = postgres_server.url()
    assert str(_value(url, b"SHOW server_version")).startswith("18.")
    assert _value(url, b"SHOW timezone") == "UTC"
    assert _value(url, b"SHOW server_encoding") == "UTF8"
    assert _value(url, b"SHOW synchronous_commit") == "on"
    assert _value(url, b"SELECT datlocale FROM pg_database WHERE datname = current_database()") == "C.UTF-8"


def test_tcp_asks_for_the_password(postgres_server: PostgresServer) -> None:
    """The loopback port is open to every user of the machine, so it wants SCRAM; the private socket does not."""
    assert _value(postgres_server.url(tcp=True), b"SELECT 1") == 1
    assert _value(postgres_server.url(tcp=False), b"SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://smolhog:wrong@127.0.0.1:{postgres_server.port}/smolhog")


def test_each_test_gets_an_empty_database(postgres_server: PostgresServer, postgres_database: str) -> None:
    """Databases of tests do not see each other."""
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE t (x int)")
    with postgres_server.database() as other:
        assert _value(other, b"SELECT to_regclass('t')") is None


def test_sigterm_is_a_fast_shutdown() -> None:
    """SIGTERM does not wait for clients, exits with 0 and keeps what was committed."""
    with postgres_folder() as folder:
        with running_postgres(folder) as (service, server):
            idle = psycopg.connect(server.url())
            idle.execute("CREATE TABLE t AS SELECT 1 AS x")
            idle.commit()
            assert service.stop() == 0
            idle.close()
        with running_postgres(folder) as (_, server):
            assert _value(server.url(), b"SELECT x FROM t") == 1


def test_survives_the_death_of_postgres() -> None:
    """When the server is killed its keeper ends too, and the next start recovers every commit."""
    with postgres_folder() as folder:
        with running_postgres(folder) as (service, server):
            with psycopg.connect(server.url()) as connection:
                connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS x")
            (postmaster,) = psutil.Process(service.process.pid).children()
            postmaster.kill()
            assert service.process.wait(timeout=30) == 128 + 9
        with running_postgres(folder) as (_, server):
            assert _value(server.url(), b"SELECT count(*) FROM t") == 1000


def test_survives_the_death_of_its_keeper() -> None:
    """When the keeper is killed PostgreSQL stops by itself, and the next start waits for that."""
    with postgres_folder() as folder:
        with running_postgres(folder) as (service, server):
            with psycopg.connect(server.url()) as connection:
                connection.execute("CREATE TABLE t AS SELECT 1 AS x")
            (postmaster,) = psutil.Process(service.process.pid).children()
            service.kill()
        with running_postgres(folder) as (_, server):
            assert _value(server.url(), b"SELECT count(*) FROM t") == 1
            assert not postmaster.is_running() or postmaster.status() == psutil.STATUS_ZOMBIE


def test_a_half_made_cluster_is_made_again() -> None:
    """A crash in the middle of the first start leaves nothing that would be taken for a cluster."""
    with postgres_folder() as folder:
        unfinished = folder / "postgres" / "cluster.new"
        unfinished.mkdir(parents=True)
        folder.joinpath("postgres").chmod(0o711)
        (unfinished / "PG_VERSION").write_text("18\n")
        with running_postgres(folder) as (_, server):
            assert _value(server.url(), b"SELECT 1") == 1


def test_a_second_start_is_refused(postgres_server: PostgresServer) -> None:
    """Two servers never share a folder, and the refusal names the holder."""
    command = [
        sys.executable,
        "-m",
        "smolhog.embedded.postgres",
        "--data",
        str(postgres_server.data),
        "--port",
        "0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "is in use by another process (pid " in done.stdout
    assert _value(postgres_server.url(), b"SELECT 1") == 1


def test_a_folder_that_was_never_started_has_no_url(tmp_path: Path) -> None:
    """Asking for the URL too early is a typed error."""
    with pytest.raises(FolderUnusableError, match="no PostgreSQL was started here"):
        connection_url(tmp_path)


def test_a_path_too_long_for_a_socket_is_served_over_tcp() -> None:
    """A socket's path is limited to 107 bytes; a deeper folder works all the same."""
    with postgres_folder() as folder:
        deep = folder / ("d" * 100)
        deep.mkdir()
        with running_postgres(deep) as (_, server):
            assert server.url() == server.url(tcp=True)
            assert _value(server.url(), b"SELECT 1") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that another user may not pass")
def test_root_serves_from_a_folder_that_is_closed_to_others() -> None:
    """A user namespace makes up for it; without one the folder is named, and never opened up."""
    with postgres_folder() as folder:
        folder.chmod(0o700)
        if namespaces_work():
            for _ in range(2):
                with running_postgres(folder) as (_, server):
                    assert _value(server.url(), b"SELECT 1") == 1
        else:
            (folder / "postgres").mkdir()
            with pytest.raises(FolderUnusableError, match=f"may not pass {folder}"):
                Cluster(folder / "postgres").identity()
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_works_for_an_ordinary_user() -> None:
    """Without root the server runs as whoever started it."""
    with postgres_folder() as folder:
        data = folder / "postgres"
        data.mkdir()
        in_namespace = namespaces_work()
        if not in_namespace:
            os.chown(data, 65534, 65534)
        port_file = data / "ready"
        arguments = ["--data", str(data), "--no-fsync", "--port", "0", "--port-file", str(port_file)]
        # Python itself may be where only root can read it: in a namespace that does not matter, and
        # elsewhere the process becomes ordinary after its imports.
        become = (
            "enter_namespace()" if in_namespace else "os.setgroups([]); os.setgid(65534); os.setuid(65534)"
        )
        story = (
            "import os, sys; from smolhog.embedded.postgres import main; "
            f"from smolhog.embedded.identity import enter_namespace; {become}; assert os.geteuid(); "
            f"sys.exit(main({arguments!r}))"
        )
        process = subprocess.Popen([sys.executable, "-c", story])
        try:
            deadline = time.monotonic() + 60
            while not port_file.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            uid = 0 if in_namespace else 65534
            assert psutil.Process(process.pid).children()[0].uids().effective == uid
            assert _value(connection_url(data), b"SELECT 1") == 1
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0
