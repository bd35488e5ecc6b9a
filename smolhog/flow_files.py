"""Which flows there are: files that the settings or the command line name. Nothing of them is imported here."""

import re
from dataclasses import dataclass
from pathlib import Path

from smolhog.errors import SettingsInvalid, SmolHogError
from smolhog.settings import Settings

FLOWS_FOLDER = Path("flows")
"""Where `smolhog flow new` puts flows, under the current folder."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""As :mod:`dataflows.kit.flow` has it."""


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A flow's name, and the file that should declare it: ``NAME.py``."""

    name: str
    file: Path


def configured_flows(settings: Settings) -> list[FlowFile]:
    """Return the flows that ``SMOLHOG_FLOWS`` names, in its order, by absolute paths.

    A file that is missing is among them: that is for its own process to say, and no reason for others not to run.

    Raises:
        SettingsInvalid: two have one name.
    """
    flows: dict[str, FlowFile] = {}
    for named in (settings.flows or "").split(","):
        if not named.strip():
            continue
        for flow in _flows_at(Path(named.strip()).absolute()):
            other = flows.setdefault(flow.name, flow)
            if other != flow:
                raise SettingsInvalid(
                    f"SMOLHOG_FLOWS: {other.file} and {flow.file} are both called {flow.name}",
                    "Rename one of the files, and the flow in it.",
                )
    return list(flows.values())


def find_flow(settings: Settings, named: str) -> FlowFile:
    """Return the flow that a person means: a file, a folder with the file in it, or a name.

    A name is looked for among the flows of the settings, then below ``flows``.

    Raises:
        SmolHogError: there is none.
    """
    path = Path(named)
    if path.suffix == ".py":
        return FlowFile(path.stem, path.absolute())
    in_folder = path / f"{path.absolute().name}.py"
    if in_folder.is_file():
        return FlowFile(in_folder.stem, in_folder.absolute())
    known = [*configured_flows(settings), *_flows_at(FLOWS_FOLDER.absolute())]
    for flow in known:
        if flow.name == named:
            return flow
    names = ", ".join(dict.fromkeys(flow.name for flow in known)) or "none"
    raise SmolHogError(
        f"there is no flow {named}; known are: {names}",
        "Name its file, or put it into SMOLHOG_FLOWS; `smolhog flow new NAME` writes one.",
    )


def known_flows(settings: Settings) -> list[FlowFile]:
    """Return the flows of the settings, and those below ``flows`` that the settings do not name."""
    flows = {flow.file: flow for flow in configured_flows(settings)}
    if FLOWS_FOLDER.is_dir():
        flows |= {flow.file: flow for flow in _flows_at(FLOWS_FOLDER.absolute())}
    return list(flows.values())


def _flows_at(path: Path) -> list[FlowFile]:
    """Return the flow in a file, or all ``FOLDER/NAME/NAME.py``."""
    if path.suffix == ".py" or path.is_file():
        return [FlowFile(path.stem, path)]
    found = sorted(folder / f"{folder.name}.py" for folder in path.glob("*") if folder.is_dir())
    return [FlowFile(file.stem, file) for file in found if file.is_file()]
