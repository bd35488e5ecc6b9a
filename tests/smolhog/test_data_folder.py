"""The data folder and its lock."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from smolhog.data_folder import FolderLock, is_held, make_folder, read_holder
from smolhog.errors import AlreadyRunning, FolderUnusable

HOLD = """
import sys
from pathlib import Path
from smolhog.data_folder import FolderLock
lock = FolderLock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    """Let another process hold the folder until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_folder_is_private(tmp_path: Path) -> None:
    """Raw events are nobody else's business: others cannot read the folder; under root they can pass it."""
    folder = make_folder(tmp_path / "a" / "b")
    assert folder.is_absolute()
    assert stat.S_IMODE(folder.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)


def test_a_file_in_the_way_is_said_clearly(tmp_path: Path) -> None:
    """A path that cannot be a folder gives one sentence with the path in it."""
    (tmp_path / "file").touch()
    with pytest.raises(FolderUnusable, match="file/data"):
        make_folder(tmp_path / "file" / "data")


def test_a_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    """The message names the pid, the folder and both ways out."""
    with hold(tmp_path) as other:
        assert is_held(tmp_path)
        with pytest.raises(AlreadyRunning) as refused:
            FolderLock.take(tmp_path)
        assert refused.value.pid == other.pid
        assert refused.value.message == f"already running (pid {other.pid}) on {tmp_path}"
        assert "SMOLHOG_DATA" in refused.value.advice
        other.communicate()


def test_a_killed_holder_leaves_the_folder_free(tmp_path: Path) -> None:
    """SIGKILL is a normal stop: the next start needs no clean-up."""
    with hold(tmp_path) as other:
        other.kill()
    lock = FolderLock.take(tmp_path)
    assert read_holder(tmp_path) == os.getpid()
    lock.release()
    assert not is_held(tmp_path)


def test_leftovers_of_a_killed_holder_are_waited_for(tmp_path: Path) -> None:
    """While a child of a killed supervisor still holds the lock, taking it waits instead of failing."""
    with hold(tmp_path) as other:
        (tmp_path / "smolhog.lock").write_text(f"{_gone_pid()}\n")
        assert not is_held(tmp_path)
        with pytest.raises(AlreadyRunning):
            FolderLock.take(tmp_path, leftovers_seconds=0)
        assert other.stdin is not None
        other.stdin.close()
        FolderLock.take(tmp_path).release()


def test_looking_creates_nothing(tmp_path: Path) -> None:
    """Asking whether a folder is held leaves no trace."""
    assert not is_held(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def _gone_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid
