"""What processes cost, measured while they are at work."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from benchmarks.processes import disk_bytes


def test_a_folder_that_a_database_deletes_meanwhile_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ClickHouse renames parts that it merged to ``delete_tmp_…`` and removes them while we look."""
    kept, deleted = tmp_path / "all_1_1_0" / "data.bin", tmp_path / "delete_tmp_all_2_2_0" / "data.bin"
    for file in (kept, deleted):
        file.parent.mkdir()
        file.write_bytes(bytes(10_000))
    (tmp_path / "link").symlink_to(kept)
    list_folder = os.scandir

    def list_a_moment_later(folder: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if Path(folder) == deleted.parent:
            deleted.unlink()
            deleted.parent.rmdir()
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", list_a_moment_later)
    assert disk_bytes(tmp_path) == kept.stat().st_blocks * 512
    assert not deleted.parent.exists()
