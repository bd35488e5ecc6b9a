"""`smolhog flow new`, `test`, `graph`: flows as files. None of these needs a service."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from smolhog.commands_flow import FlowArgument, load
from smolhog.errors import ExtraMissing, SmolHogError
from smolhog.flow_files import FLOWS_FOLDER, NAME, find_flow
from smolhog.options import JsonOption
from smolhog.settings_loading import load_settings
from smolhog.terminal import OUT, print_json


def new_command(
    name: Annotated[
        str, typer.Argument(help="Small letters, digits and _; its file has this name.", show_default=False)
    ],
    *,
    folder: Annotated[
        Path, typer.Option("--in", metavar="DIR", help="The folder that holds the folders of flows.")
    ] = FLOWS_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Write a flow that works, with comments: its file, its table, its test.

    It counts events by minute, to be changed into what you want. Nothing is overwritten.
    """
    from smolhog.flow_starter.copy import write_starter  # noqa: PLC0415 - nobody else needs it

    if NAME.fullmatch(name) is None:
        raise SmolHogError(
            f"{name!r} names no flow", "Use small letters, digits and _, 40 at most, a letter first."
        )
    target = folder / name
    if target.exists():
        raise SmolHogError(f"{target} is there already; nothing was written", "Choose another name.")
    files = list(write_starter(name, target))
    if as_json:
        print_json({"flow": name, "files": files})
        return
    for file in files:
        OUT.print(f"wrote {escape(str(file))}")
    shown = escape(name if folder == FLOWS_FOLDER else str(target))
    OUT.print(
        f"Next:\n  smolhog flow test {shown}\n  smolhog flow run {shown} --reload     (beside `smolhog up`)\n"
        f"Once you like it: SMOLHOG_FLOWS={escape(str(folder))} smolhog up"
    )


def test_command(flow: FlowArgument) -> None:
    """Run the tests beside a flow: all files `test_*.py` in its folder. They need no services.

    Exit code: that of pytest, 0 if all passed.
    """
    if importlib.util.find_spec("pytest") is None:
        raise ExtraMissing("pytest is not installed", "Install smolhog[flows].")
    found = find_flow(load_settings(), flow)
    tests = sorted(found.file.parent.glob("test_*.py"))
    if not tests:
        raise SmolHogError(
            f"there is no test_*.py beside {found.file}", "`smolhog flow new` writes one with each flow."
        )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", "--quiet", *map(str, tests)], check=False, cwd=found.file.parent
    )
    raise typer.Exit(done.returncode)


def graph_command(flow: FlowArgument, *, as_json: JsonOption = False) -> None:
    """Print a flow as a Mermaid diagram, which many editors and code hosts draw."""
    declared = load(find_flow(load_settings(), flow))
    if as_json:
        described = {
            "name": declared.name,
            "version": declared.version,
            "source": declared.source.describe(),
            "outputs": {step: sink.describe() for step, sink in declared.outputs().items()},
            "mermaid": declared.mermaid(),
        }
        print_json(described)
        return
    sys.stdout.write(declared.mermaid().rstrip() + "\n")
