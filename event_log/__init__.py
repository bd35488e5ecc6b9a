"""The durable, partitioned, replayable log between the gateway and the dataflows."""

from event_log.opening import open_event_log
from event_log.port import EventLog, Message, Retention

__all__ = ["EventLog", "Message", "Retention", "open_event_log"]
