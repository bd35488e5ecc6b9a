"""Finds the flow in a file that somebody wrote."""

import importlib.util
import sys
from pathlib import Path

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.flow import Flow

_beside: dict[Path, set[str]] = {}
"""Folder of a flow -> modules that its file imported from there."""


def load_flow(file: Path) -> Flow:
    """Import a file and return the flow that it declares as ``flow``. Modules beside it can be imported by it.

    Modules beside other flows, which may have the same names, are not found.

    Raises:
        FlowInvalid: there is no such file, it fails when it is imported, or it declares no flow.
    """
    if not file.is_file():
        raise FlowInvalid(f"there is no file {file}")
    spec = importlib.util.spec_from_file_location(f"smolhog_flow_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = file.parent.absolute()
    for other in _beside.keys() - {folder}:
        for name in _beside.pop(other):
            sys.modules.pop(name, None)
    before = {name.partition(".")[0] for name in sys.modules}
    # Where dataclasses look for what annotations name.
    sys.modules[spec.name] = module
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    except FlowInvalid:
        raise
    except Exception as error:
        raise FlowInvalid(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(folder))
        new = {name for name in sys.modules if name.partition(".")[0] not in before}
        _beside.setdefault(folder, set()).update(name for name in new if _is_below(folder, name))
    flow = getattr(module, "flow", None)
    if not isinstance(flow, Flow):
        raise FlowInvalid(f"{file} declares no flow: write `flow = Flow(...)` at its top level")
    flow.file = file.absolute()
    return flow


def _is_below(folder: Path, module: str) -> bool:
    file = getattr(sys.modules[module], "__file__", None)
    return file is not None and Path(file).absolute().is_relative_to(folder)
