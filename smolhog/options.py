"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The folder that holds all state; beats SMOLHOG_DATA. [default: smolhog-data]",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show all output of all processes.")]
OpenOption = Annotated[
    bool, typer.Option("--open", help="Open the dashboard in the browser when it is there.")
]
