"""Choosing the event log's adapter by its URL."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from event_log.errors import EventLogRefused
from event_log.port import DEFAULT_MAX_MESSAGE_BYTES, EventLog, Retention
from event_log.rabbitmq import RabbitMQEventLog
from event_log.sqlite import SQLiteEventLog


async def open_event_log(
    url: str,
    *,
    partitions: int,
    retention: Retention | None = None,
    publish_timeout: float = 5.0,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    prefix: str = "smolhog.events",
) -> EventLog:
    """Open the log that `url` names, and create it if it does not exist.

    Args:
        url: `amqp://…` or `amqps://…` for RabbitMQ; `sqlite:///absolute/folder` (or
            `sqlite:relative/folder`) for the embedded log.
        partitions: fixed for the life of the log.
        retention: None keeps everything.
        publish_timeout: seconds until an append that is not durable yet raises.
        max_message_bytes: bodies over this are refused.
        prefix: of the queue names on RabbitMQ; the embedded log has its folder.

    Raises:
        EventLogRefused: no adapter has this scheme, or the broker refuses.
        PartitionCountMismatch: the log exists with another number of partitions.
        EventLogUnavailable: the log cannot be reached now.
    """
    parts = urlsplit(url)
    if parts.scheme in {"amqp", "amqps"}:
        return await RabbitMQEventLog.open(
            url,
            partitions=partitions,
            retention=retention,
            prefix=prefix,
            publish_timeout=publish_timeout,
            max_message_bytes=max_message_bytes,
        )
    if parts.scheme == "sqlite" and parts.path and not parts.netloc:
        return await SQLiteEventLog.open(
            Path(unquote(parts.path)),
            partitions=partitions,
            retention=retention,
            append_timeout=publish_timeout,
            max_message_bytes=max_message_bytes,
        )
    raise EventLogRefused(
        f"an event log URL starts with amqp://, amqps:// or sqlite:///, got {parts.scheme or 'no scheme'}"
    )
