"""A PostgreSQL for a laptop: version 18 in the foreground, on loopback, for a supervisor to watch.

    python -m smolhog.embedded.postgres --data DIR [--port N] [--port-file FILE]

The first start makes the cluster, the role and the database `smolhog`. SIGTERM and SIGINT mean PostgreSQL's fast
shutdown: running transactions are rolled back, the exit status is 0. If this process is killed, PostgreSQL stops
too; if PostgreSQL dies, this process ends with its status. SIGKILL of either loses nothing that was committed, and
the next start recovers by itself.

Connections come through a Unix socket in a folder that only its owner (and root) can enter, without a password, or
over the loopback port with SCRAM; `connection_url` knows which.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from smolhog.embedded.errors import StartError
from smolhog.embedded.folder_lock import FolderLock
from smolhog.embedded.identity import Identity
from smolhog.embedded.loopback import write_port_file
from smolhog.embedded.postgres_cluster import DATABASE, Cluster, program

_log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1
# The backends of a killed server see its death at once, but may be in the middle of a write.
_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.02

# A laptop's share: 96 MB of shared buffers, no parallel plans worth the name, no just-in-time compiler.
_SETTINGS = {
    "shared_buffers": "96MB",
    "max_connections": "60",
    "work_mem": "8MB",
    "maintenance_work_mem": "48MB",
    "effective_cache_size": "512MB",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "io_method": "sync",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    "max_parallel_workers_per_gather": "1",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
}


def connection_url(data: Path, database: str = DATABASE, *, tcp: bool = False) -> str:
    """The URL of the server that runs, or last ran, on the folder `data`.

    Args:
        data: the folder given as `--data`.
        database: the database's name.
        tcp: go over the loopback port even where there is a Unix socket.

    Raises:
        FolderUnusableError: no server was ever started there.
    """
    return Cluster(data.absolute()).url(database, tcp=tcp)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(cluster: Cluster, port: int, *, fsync: bool) -> list[str]:
    settings = _SETTINGS | {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(cluster.socket_folder or ""),
        "fsync": "on" if fsync else "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(program("postgres")), "-D", str(cluster.files), *options]


def _start(
    command: list[str], lock: FolderLock, identity: Identity, folder: Path
) -> "subprocess.Popen[bytes]":
    libc = ctypes.CDLL(None)

    def prepare_child() -> None:
        identity.enter()
        if sys.platform != "linux":
            return
        # After the namespace: entering one forgets it.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    return subprocess.Popen(  # noqa: S603 - a program of the wheel, arguments of this module
        command,
        # The server and its backends hold the folder's lock too, so that it outlives this process if need be.
        pass_fds=(lock.descriptor,),
        preexec_fn=prepare_child,  # noqa: PLW1509 - no threads here
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        cwd=folder,
        # Ctrl-C on a terminal reaches this process, which passes it on.
        start_new_session=True,
        **identity.arguments(),
    )


def _is_ready(cluster: Cluster, pid: int) -> bool:
    """PostgreSQL writes its pid into the first line of postmaster.pid and its state into the eighth."""
    try:
        lines = (cluster.files / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _serve(data: Path, port: int, port_file: Path | None, *, fsync: bool) -> int:
    cluster = Cluster(data.absolute())
    if not cluster.folder.exists():
        # As root another user runs the server, who has to pass this folder.
        cluster.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)
    lock = FolderLock(cluster.folder, patience=_PATIENCE_SECONDS)
    identity = cluster.identity()
    cluster.prepare(identity, fsync=fsync)
    port = port or _free_port()
    write_port_file(cluster.folder / "port", port)
    server = _start(_command(cluster, port, fsync=fsync), lock, identity, cluster.folder)
    asked_to_stop = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        server.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while server.poll() is None and not _is_ready(cluster, server.pid):
        time.sleep(_POLL_SECONDS)
    if server.poll() is None:
        _log.info("postgres_listening", port=port, path=str(cluster.folder), pid=server.pid)
        if port_file:
            write_port_file(port_file, port)
    status = server.wait()
    log = _log.info if status == 0 else _log.error
    log("postgres_stopped", status=status, asked=asked_to_stop, path=str(cluster.folder))
    return status if status >= 0 else 128 - status


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM. Returns the process's exit status: 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="smolhog.embedded.postgres", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="data folder, made when missing")
    parser.add_argument("--port", type=int, default=5432, help="loopback port, 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file that gets the port once the server is ready")
    parser.add_argument("--no-fsync", action="store_true", help="for tests: a power cut may lose data")
    arguments = parser.parse_args(argv)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            return _serve(arguments.data, arguments.port, arguments.port_file, fsync=not arguments.no_fsync)
        except (StartError, OSError) as error:
            _log.error("postgres_start_failed", error=str(error))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
