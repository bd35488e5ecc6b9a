"""Tests of flows without any service: feed events, control time, crash everywhere, look at the effect."""

from dataflows.kit.testing.builders import TestEvent, event
from dataflows.kit.testing.harness import FlowTest

__all__ = ["FlowTest", "TestEvent", "event"]
