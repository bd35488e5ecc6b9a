"""Finds the flow in a file that somebody wrote."""

import importlib.util
import sys
from pathlib import Path

from dataflows.kit.errors import FlowInvalid
from dataflows.kit.flow import Flow


def load_flow(file: Path) -> Flow:
    """Import a file and return the flow that it declares as ``flow``. Modules beside it can be imported by it.

    Raises:
        FlowInvalid: there is no such file, it fails when it is imported, or it declares no flow.
    """
    if not file.is_file():
        raise FlowInvalid(f"there is no file {file}")
    spec = importlib.util.spec_from_file_location(f"smolhog_flow_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent.absolute()))
    try:
        spec.loader.exec_module(module)
    except FlowInvalid:
        raise
    except Exception as error:
        raise FlowInvalid(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(file.parent.absolute()))
    flow = getattr(module, "flow", None)
    if not isinstance(flow, Flow):
        raise FlowInvalid(f"{file} declares no flow: write `flow = Flow(...)` at its top level")
    flow.file = file.absolute()
    return flow
