"""Every metric of SmolHog: name, labels, meaning. Counted once a batch, never once an event."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

EVENTS_RECEIVED = Counter(
    "smolhog_events_received", "Events that reached the gateway, well-formed or not.", ["source"]
)
EVENTS_ACKED = Counter("smolhog_events_acked", "Events acknowledged after they were durable.", ["source"])
EVENTS_REJECTED = Counter("smolhog_events_rejected", "Events refused, by reason.", ["stage", "reason"])
FRAMES_REFUSED = Counter(
    "smolhog_frames_refused", "Frames or requests refused as a whole, by error code.", ["source", "code"]
)
CONNECTIONS = Gauge("smolhog_connections", "Open WebSocket connections.")
CONNECTIONS_REFUSED = Counter(
    "smolhog_connections_refused",
    "Connections that a server ended because their client was too slow, sent too much, or was one too many, "
    "by HTTP status.",
    ["status"],
)
GATEWAY_BUFFER_BYTES = Gauge(
    "smolhog_gateway_buffer_bytes", "Bytes between clients and the log's confirmation."
)
SLOW_DOWNS = Counter("smolhog_slow_downs", "Times that a client was told to slow down.", ["source"])
APPEND_SECONDS = Histogram(
    "smolhog_append_seconds", "Time from a log message's append to its confirmation.", buckets=SECONDS
)
APPEND_FAILURES = Counter("smolhog_append_failures", "Log messages that could not be made durable.")

SPOOL_MESSAGES = Gauge(
    "smolhog_spool_messages", "Log messages on the gateway's own disk, waiting for the broker."
)
SPOOLED = Counter("smolhog_spooled", "Log messages that went to the gateway's own disk first.")
SPOOL_DRAINED = Counter("smolhog_spool_drained", "Log messages that went from there to the broker.")

EVENTS_PROCESSED = Counter("smolhog_events_processed", "Events that a dataflow decoded.", ["partition"])
EVENTS_DEDUPLICATED = Counter(
    "smolhog_events_deduplicated", "Events dropped because their id was seen before.", ["partition"]
)
EVENTS_STORED = Counter("smolhog_events_stored", "Events committed to a store.", ["sink"])
SINK_WRITE_SECONDS = Histogram(
    "smolhog_sink_write_seconds", "Time that one write to a store took.", ["sink"], buckets=SECONDS
)
SINK_RETRIES = Counter("smolhog_sink_retries", "Writes to a store that had to be tried again.", ["sink"])
EVENT_TO_STORED_SECONDS = Histogram(
    "smolhog_event_to_stored_seconds",
    "Time from an event's arrival to its commit in a store (the newest event of each write).",
    ["sink"],
    buckets=SECONDS,
)

QUERY_SECONDS = Histogram(
    "smolhog_query_seconds", "Time that the query API took to answer.", ["route"], buckets=SECONDS
)
QUERIES_REFUSED = Counter(
    "smolhog_queries_refused", "Questions to the query API that got an error, by its code.", ["route", "code"]
)
