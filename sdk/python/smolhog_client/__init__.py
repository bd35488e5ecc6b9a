"""Send product-analytics events to SmolHog: :class:`Client` for asyncio, :class:`SyncClient` for threads.

The state of a delivery is pure (:mod:`smolhog_client.delivery`: no I/O, no clock, no random);
:mod:`smolhog_client.connection` moves its batches over WebSockets and HTTP,
:mod:`smolhog_client.disk_queue` keeps them on disk for programs that ask for it, and
:mod:`smolhog_client.engine` ties these together for both clients.
"""

from smolhog_client.backoff import Backoff, FullJitter
from smolhog_client.client import Client
from smolhog_client.errors import (
    ClientClosedError,
    ClientError,
    DiskQueueError,
    GatewayRefusedError,
    InvalidEventError,
    Unauthorized,
    UndeliveredError,
)
from smolhog_client.event import Event
from smolhog_client.event_ids import EventIds
from smolhog_client.logging_handler import SmolHogHandler
from smolhog_client.options import Options
from smolhog_client.overflow import Overflow
from smolhog_client.results import BatchResult, RejectedEvent
from smolhog_client.sync_client import SyncClient

__all__ = [
    "Backoff",
    "BatchResult",
    "Client",
    "ClientClosedError",
    "ClientError",
    "DiskQueueError",
    "Event",
    "EventIds",
    "FullJitter",
    "GatewayRefusedError",
    "InvalidEventError",
    "Options",
    "Overflow",
    "RejectedEvent",
    "SmolHogHandler",
    "SyncClient",
    "Unauthorized",
    "UndeliveredError",
]

__version__ = "0.1.0"
