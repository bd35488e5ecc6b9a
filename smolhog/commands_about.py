"""`smolhog version`, and the hidden commands that print pages of the documentation."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from smolhog.options import JsonOption
from smolhog.reference import metrics_page, metrics_rows, settings_page, settings_rows
from smolhog.terminal import print_json


def smolhog_version() -> str:
    """Return the version that is installed."""
    try:
        return version("smolhog")
    except PackageNotFoundError:
        return "unknown (run from a folder, not installed)"


def version_command(*, as_json: JsonOption = False) -> None:
    """Show the version."""
    if as_json:
        print_json({"smolhog": smolhog_version(), "python": platform.python_version()})
        return
    sys.stdout.write(f"smolhog {smolhog_version()} (Python {platform.python_version()})\n")


def settings_command(
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List all settings."""
    if markdown:
        sys.stdout.write(settings_page())
    elif as_json:
        print_json([list(row) for row in settings_rows()])
    else:
        for name, default, meaning in settings_rows():
            sys.stdout.write(f"{name} [{default}]\n    {meaning}\n")


def metrics_command(
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/metrics.md.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List all metrics."""
    if markdown:
        sys.stdout.write(metrics_page())
    elif as_json:
        print_json([list(row) for row in metrics_rows()])
    else:
        for name, kind, labels, meaning in metrics_rows():
            sys.stdout.write(f"{name} [{kind}{': ' if labels else ''}{labels}]\n    {meaning}\n")
