"""A partition's folder says which one it is, and whether it holds anything."""

from pathlib import Path

from dataflows.partition_folder import owned


def test_a_folder_keeps_its_id_and_has_no_state_until_it_is_said(tmp_path: Path) -> None:
    """Also when it is opened again."""
    with owned(tmp_path / "1-0") as folder:
        folder.create_recovery_store()
        assert not folder.has_state
        first = folder.id
    with owned(tmp_path / "1-0") as folder:
        assert not folder.has_state
        folder.note_state()
    with owned(tmp_path / "1-0") as folder:
        assert folder.has_state
        assert folder.id == first


def test_a_folder_of_a_version_that_gave_none_an_id_has_state(tmp_path: Path) -> None:
    """It may have been left behind like any other, and would count events again."""
    (tmp_path / "1-0" / "recovery").mkdir(parents=True)
    for _ in range(2):
        with owned(tmp_path / "1-0") as folder:
            assert folder.has_state
            assert folder.id
