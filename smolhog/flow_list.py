"""What `smolhog flow list` shows: what each flow declares, and how it is."""

from dataclasses import dataclass, replace

from dataflows.kit.errors import FlowInvalid
from smolhog.flow_files import configured_flows, known_flows
from smolhog.flow_process import load_named
from smolhog.flow_state_reading import read_flow_states
from smolhog.flow_states import NEVER, FlowState
from smolhog.settings import Settings


@dataclass(frozen=True, slots=True)
class ListedFlow:
    """One flow; what its file would have to say is empty where it cannot be imported."""

    name: str
    file: str
    version: int | None
    description: str
    source: str
    outputs: list[str]
    tables: str | None
    """The folder of its migrations."""
    is_configured: bool
    """Whether `smolhog up` runs it."""
    state: str
    """As of :class:`smolhog.flow_states.FlowState`, or ``unknown`` where PostgreSQL does not answer."""
    behind: int | None
    starts: int
    reason: str
    """Why it fails, or why its file cannot be imported."""


def list_flows(settings: Settings) -> list[ListedFlow]:
    """Import all flows that are known, and say how they are.

    Raises:
        SettingsInvalid: see :func:`smolhog.flow_files.configured_flows`.
    """
    read = read_flow_states(settings)
    states = {state.name: state for state in read or ()}
    unknown = "unknown" if read is None else NEVER
    configured = {flow.file for flow in configured_flows(settings)}
    listed = []
    for flow_file in known_flows(settings):
        state = states.get(flow_file.name, FlowState(flow_file.name, unknown))
        state = replace(state, is_configured=flow_file.file in configured)
        try:
            flow = load_named(flow_file)
            outputs = [sink.describe() for sink in flow.outputs().values()]
        except FlowInvalid as error:
            listed.append(_listed(flow_file.name, str(flow_file.file), state, reason=str(error)))
        else:
            listed.append(
                _listed(
                    flow.name,
                    str(flow_file.file),
                    state,
                    version=flow.version,
                    description=flow.description,
                    source=flow.source.describe(),
                    outputs=outputs,
                    tables=flow.migrations,
                    reason=state.reason,
                )
            )
    return listed


def _listed(
    name: str,
    file: str,
    state: FlowState,
    *,
    reason: str,
    version: int | None = None,
    description: str = "",
    source: str = "",
    outputs: list[str] | None = None,
    tables: str | None = None,
) -> ListedFlow:
    return ListedFlow(
        name=name,
        file=file,
        version=version,
        description=description,
        source=source,
        outputs=outputs or [],
        tables=tables,
        is_configured=state.is_configured,
        state=state.state,
        behind=state.behind,
        starts=state.starts,
        reason=reason,
    )
