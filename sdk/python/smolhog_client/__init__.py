"""Send product-analytics events to SmolHog from asyncio programs.

The state of a delivery is pure (:mod:`smolhog_client.delivery`: no I/O, no clock, no random);
:mod:`smolhog_client.connection` moves its batches over a WebSocket, :class:`Client` is what
programs use.
"""

from smolhog_client.backoff import Backoff, FullJitter
from smolhog_client.client import Client
from smolhog_client.errors import (
    ClientClosedError,
    ClientError,
    GatewayRefusedError,
    InvalidEventError,
    Unauthorized,
    UndeliveredError,
)
from smolhog_client.event import Event
from smolhog_client.event_ids import EventIds
from smolhog_client.results import BatchResult, RejectedEvent

__all__ = [
    "Backoff",
    "BatchResult",
    "Client",
    "ClientClosedError",
    "ClientError",
    "Event",
    "EventIds",
    "FullJitter",
    "GatewayRefusedError",
    "InvalidEventError",
    "RejectedEvent",
    "Unauthorized",
    "UndeliveredError",
]

__version__ = "0.1.0"
