"""A disk of a few MiB that a test mounts, fills and enlarges: full as the kernel means it.

A limit on the size of files (RLIMIT_FSIZE) lets other files grow and says EFBIG. This is ENOSPC, for
every file and every process on it. It takes root: elsewhere the tests skip.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_KIB = 1024


@dataclass(frozen=True)
class SmallDisk:
    """A mounted disk; `folder` is all of it."""

    folder: Path

    @property
    def free_bytes(self) -> int:
        """What is left."""
        return shutil.disk_usage(self.folder).free

    def fill(self, leave_kib: int = 0) -> None:
        """Let a stranger's file take what is left but for some KiB, whoever writes meanwhile."""
        with (self.folder / "somebody-elses.file").open("ab", buffering=0) as file:
            try:
                while (room := self.free_bytes - leave_kib * _KIB) > 0:
                    file.write(b"\xff" * room)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def enlarge(self, mib: int) -> None:
        """Make the disk so large, whatever it holds."""
        subprocess.run(["mount", "-o", f"remount,size={mib}m", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[SmallDisk]:
    """Mount a disk of `mib` MiB on `folder`; unmounted at the end, also under a process that still uses it."""
    if os.geteuid() != 0 or not Path("/proc/mounts").exists():
        pytest.skip("mounting a small disk takes root on Linux")
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        # Containers have a root that may not mount.
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
