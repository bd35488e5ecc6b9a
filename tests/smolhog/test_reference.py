"""The reference pages say everything that there is to set and to run."""

from pathlib import Path

import pytest
import typer

from smolhog.cli import app
from smolhog.reference import commands_page, settings_page, walk
from smolhog.settings import Settings
from tests.smolhog.commands import run_smolhog

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented() -> None:
    """docs/settings.md is what the settings say now; `make docs` writes it."""
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page == settings_page()
    assert all(f"`SMOLHOG_{name.upper()}`" in page for name in Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_means(name: str) -> None:
    """No row of the table is empty."""
    assert Settings.model_fields[name].description


def test_every_command_is_documented() -> None:
    """docs/cli.md is what the commands say now, and names them all."""
    page = (ROOT / "docs" / "cli.md").read_text()
    command = typer.main.get_command(app)
    assert page == commands_page(command)
    for path, _ in walk(command):
        assert f"## `{path}" in page


def test_every_option_and_argument_has_a_help_text() -> None:
    """Someone who asks --help gets an answer to each line."""
    for path, command in walk(typer.main.get_command(app)):
        assert command.help, path
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{path} {parameter.name}"


def test_the_pages_are_printed_by_commands() -> None:
    """`make docs` needs nothing but the command line."""
    for arguments, page in ((["settings", "--markdown"], "settings.md"), (["commands"], "cli.md")):
        assert run_smolhog(ROOT, *arguments).stdout == (ROOT / "docs" / page).read_text()
