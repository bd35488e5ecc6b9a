"""The flow of one case of the crash suite; the environment says which."""

import os
from datetime import timedelta

from dataflows.kit import Events, Flow, LogSource
from tests.dataflows.kit.crash_cases import BY_NAME

flow = Flow("crashing", source=LogSource(), epoch=timedelta(seconds=0.15))


@flow.steps
def steps(events: Events) -> None:
    """Wire the case."""
    BY_NAME[os.environ["CRASH_CASE"]].wire(events)
