"""Which flows the settings and the command line mean."""

from pathlib import Path

import pytest

from smolhog.errors import SettingsInvalid, SmolHogError
from smolhog.flow_files import configured_flows, find_flow, known_flows
from smolhog.settings import Settings


def written(folder: Path, name: str) -> Path:
    """A flow in a folder of flows."""
    file = folder / name / f"{name}.py"
    file.parent.mkdir(parents=True)
    file.touch()
    return file


def test_files_and_folders_are_named_in_one_setting(tmp_path: Path) -> None:
    """A folder stands for all flows in it, by name; what is no flow in it is passed over."""
    revenue, carts = written(tmp_path / "flows", "revenue"), written(tmp_path / "flows", "carts")
    (tmp_path / "flows" / "notes").mkdir()
    alone = tmp_path / "alone.py"
    settings = Settings(flows=f"{alone}, {tmp_path / 'flows'},")
    assert [flow.file for flow in configured_flows(settings)] == [alone, carts, revenue]
    assert [flow.name for flow in configured_flows(settings)] == ["alone", "carts", "revenue"]
    assert configured_flows(Settings()) == []


def test_a_file_that_is_missing_is_for_its_own_process_to_say(tmp_path: Path) -> None:
    """The stack starts without it."""
    (flow,) = configured_flows(Settings(flows=str(tmp_path / "gone.py")))
    assert flow.name == "gone"


def test_two_flows_of_one_name_are_a_wrong_setting(tmp_path: Path) -> None:
    """They would share positions and metrics."""
    one, other = written(tmp_path / "a", "revenue"), written(tmp_path / "b", "revenue")
    with pytest.raises(SettingsInvalid, match="are both called revenue"):
        configured_flows(Settings(flows=f"{one},{other}"))
    assert len(configured_flows(Settings(flows=f"{one},{one}"))) == 1


def test_a_person_names_a_flow_as_they_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By file, by folder, by its name below ./flows, or by its name in the settings."""
    here, elsewhere = written(tmp_path / "flows", "revenue"), written(tmp_path / "far", "carts")
    monkeypatch.chdir(tmp_path)
    settings = Settings(flows=str(elsewhere))
    for named in ("flows/revenue/revenue.py", "flows/revenue", "revenue"):
        assert find_flow(settings, named).file == here
    assert find_flow(settings, "carts").file == elsewhere
    assert [flow.name for flow in known_flows(settings)] == ["carts", "revenue"]
    with pytest.raises(SmolHogError, match="there is no flow nothing; known are: carts, revenue"):
        find_flow(settings, "nothing")
