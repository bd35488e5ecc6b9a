"""Small files on which much rests are there whole or not at all."""

import os
from pathlib import Path

import pytest

from smolhog.whole_files import write_whole


def test_a_file_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes, and then its name in the folder."""
    synced: list[tuple[int, bool]] = []
    file = tmp_path / "starts.json"

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, file.exists()))

    monkeypatch.setattr("os.fsync", fsync)
    write_whole(file, "{}")
    assert synced == [(file.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    """Whatever a write that was killed has left behind."""
    file = tmp_path / "starts.json"
    file.with_suffix(".new").write_text("half of an older")
    write_whole(file, "1")
    write_whole(file, "2")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"starts.json": "2"}
