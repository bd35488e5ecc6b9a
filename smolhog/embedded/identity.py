"""Who PostgreSQL runs as, since it refuses to run as root.

An ordinary user runs it as itself. Root runs it as another user, or, where that user may not pass a
folder on the way, in a user namespace: there the process is not root by its own account, and outside
it still owns what root owns.
"""

import ctypes
import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolhog.embedded.errors import FolderUnusableError, PostgresError

# The first of these users that exists runs the server for root.
_SERVICE_USERS = ("smolhog", "postgres", "nobody")
_NAMESPACE_UID = 1000
_CLONE_NEWUSER = 0x1000_0000


@dataclass(frozen=True, slots=True)
class Identity:
    """What a child process does before it becomes PostgreSQL.

    Attributes:
        user: whose it becomes: uid and gid; ``None`` keeps this process's.
        namespace: whether it enters a user namespace.
    """

    user: tuple[int, int] | None = None
    namespace: bool = False

    def arguments(self) -> dict[str, Any]:
        """Arguments of :class:`subprocess.Popen` that change the user."""
        if self.user is None:
            return {}
        uid, gid = self.user
        return {"user": uid, "group": gid, "extra_groups": []}

    def enter(self) -> None:
        """Enter the namespace, if there is to be one. Runs in the child, between fork and exec."""
        if self.namespace:
            enter_namespace()

    def give(self, path: Path) -> None:
        """Make a path belong to the server."""
        if self.user is not None:
            os.chown(path, *self.user)


def choose_identity(cluster: Path, reached: tuple[Path, ...]) -> Identity:
    """Choose who the server runs as.

    Args:
        cluster: PostgreSQL's own folder; if it exists, its owner decides.
        reached: folders and programs that the server must be able to reach.

    Raises:
        FolderUnusableError: the user that root would become may not pass a folder.
        PostgresError: there is no user that root could become.
    """
    if os.geteuid() != 0:
        return Identity()
    if cluster.exists():
        owner = cluster.stat()
        return Identity(namespace=True) if owner.st_uid == 0 else Identity((owner.st_uid, owner.st_gid))
    user = _service_user()
    closed = None if user is None else _closed_on_the_way(reached, user)
    if user is not None and closed is None:
        return Identity(user)
    if namespaces_work():
        return Identity(namespace=True)
    if closed is not None:
        raise FolderUnusableError(
            f"PostgreSQL does not run as root, and the user that would run it may not pass {closed}. "
            f"Run smolhog as another user, use a folder such as /var/lib/smolhog, or `chmod o+x {closed}`"
        )
    raise PostgresError(
        f"PostgreSQL does not run as root, and there is no user {', '.join(_SERVICE_USERS)} to run it"
    )


def _service_user() -> tuple[int, int] | None:
    for name in _SERVICE_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return None


def _closed_on_the_way(paths: tuple[Path, ...], user: tuple[int, int]) -> Path | None:
    """Return the first folder on the way to one of the paths that the user may not pass."""
    uid, gid = user
    for path in paths:
        resolved = path.resolve()
        folders: list[Path] = [*reversed(resolved.parents), *([resolved] if resolved.is_dir() else [])]
        for folder in folders:
            stat = folder.stat()
            bit = 0o100 if stat.st_uid == uid else 0o010 if stat.st_gid == gid else 0o001
            if not stat.st_mode & bit:
                return folder
    return None


def enter_namespace() -> None:
    """Make this process, which is root's, one of an ordinary user by its own account.

    Raises:
        OSError: the system does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/uid_map").write_text(f"{_NAMESPACE_UID} 0 1\n")


def namespaces_work() -> bool:
    """Whether this system lets root make user namespaces; some containers do not."""
    if sys.platform != "linux":
        return False
    try:
        tried = subprocess.run(
            [sys.executable, "-c", "import os; raise SystemExit(os.geteuid() == 0)"],
            preexec_fn=enter_namespace,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0
