"""Every metric of SmolHog: name, labels, meaning. Counted once a batch, never once an event."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
EVENTS = (1, 10, 100, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)

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

LOG_END_OFFSET = Gauge(
    "smolhog_log_end_offset",
    "Where the event log ends, as the gateway sees it every few seconds.",
    ["log", "partition"],
)
LOG_OLDEST_OFFSET = Gauge(
    "smolhog_log_oldest_offset",
    "The oldest message that the event log keeps, as the gateway sees it every few seconds.",
    ["log", "partition"],
)
LOG_RETENTION_SECONDS = Gauge(
    "smolhog_log_retention_seconds", "Age at which the event log forgets its oldest messages."
)

SPOOL_MESSAGES = Gauge(
    "smolhog_spool_messages", "Log messages on the gateway's own disk, waiting for the broker."
)
SPOOL_BYTES = Gauge(
    "smolhog_spool_bytes", "Disk that they take, as the gateway finds it every few seconds.", ["partition"]
)
SPOOL_CAPACITY_BYTES = Gauge(
    "smolhog_spool_capacity_bytes",
    "Disk that they may take; beyond it the gateway answers 503.",
    ["partition"],
)
SPOOLED = Counter("smolhog_spooled", "Log messages that went to the gateway's own disk first.")
SPOOL_DRAINED = Counter("smolhog_spool_drained", "Log messages that went from there to the broker.")

EVENTS_PROCESSED = Counter("smolhog_events_processed", "Events that a dataflow decoded.", ["partition"])
EVENTS_DEDUPLICATED = Counter(
    "smolhog_events_deduplicated", "Events dropped because their id was seen before.", ["partition"]
)
EVENTS_LATE = Counter(
    "smolhog_events_late",
    "Events of a time whose rollups were closed already; they count all the same.",
    ["partition"],
)
EVENTS_OF_DELETED = Counter(
    "smolhog_events_of_deleted_people",
    "Events of people who were deleted, which a restarted dataflow found in the log again and passed over.",
    ["partition"],
)
LAG_MESSAGES = Gauge(
    "smolhog_lag_messages",
    "Messages of the event log that are not in both stores yet, as the dataflow sees it.",
    ["partition"],
)
LAG_SECONDS = Gauge(
    "smolhog_lag_seconds",
    "How long the oldest of these messages has waited, to within a few seconds; 0 if there is none.",
    ["partition"],
)
RECOVERY_AGE_SECONDS = Gauge(
    "smolhog_recovery_age_seconds",
    "How far back in time a restarted dataflow would begin: since its last snapshot, 0 if it is up to date.",
    ["partition"],
)
DEDUP_INDEX_IDS = Gauge(
    "smolhog_dedup_index_ids", "Event ids that the dedup index remembers, estimated.", ["partition"]
)
DEDUP_INDEX_BYTES = Gauge("smolhog_dedup_index_bytes", "Disk that the dedup index takes.", ["partition"])
DEDUP_INDEX_BOUND_BYTES = Gauge(
    "smolhog_dedup_index_bound_bytes",
    "Disk that the dedup index could take: what it has, and what is free beside it.",
    ["partition"],
)

EVENTS_STORED = Counter("smolhog_events_stored", "Events committed to a store.", ["sink"])
SINK_WRITE_SECONDS = Histogram(
    "smolhog_sink_write_seconds", "Time that one write to a store took.", ["sink"], buckets=SECONDS
)
SINK_WRITE_EVENTS = Histogram(
    "smolhog_sink_write_events", "Events in one write to a store.", ["sink"], buckets=EVENTS
)
SINK_RETRIES = Counter("smolhog_sink_retries", "Writes to a store that had to be tried again.", ["sink"])
EVENT_TO_STORED_SECONDS = Histogram(
    "smolhog_event_to_stored_seconds",
    "Time from an event's arrival to its commit in a store (the newest event of each write).",
    ["sink"],
    buckets=SECONDS,
)

FLOW_EVENTS = Counter("smolhog_flow_events", "Events that a flow took from its input.", ["flow"])
FLOW_EVENTS_REPEATED = Counter(
    "smolhog_flow_events_repeated",
    "Events that a flow passed over because their id was seen before.",
    ["flow"],
)
FLOW_EVENTS_REFUSED = Counter(
    "smolhog_flow_events_refused", "Events that a flow passed over because they are not sound.", ["flow"]
)
FLOW_LAG_MESSAGES = Gauge(
    "smolhog_flow_lag_messages",
    "Messages of its input whose effect a flow has not made durable yet.",
    ["flow", "partition"],
)
FLOW_LAG_SECONDS = Gauge(
    "smolhog_flow_lag_seconds",
    "How long the oldest of these messages has waited, at most; 0 if there is none.",
    ["flow", "partition"],
)
FLOW_LOG_TIME = Gauge(
    "smolhog_flow_log_time_seconds",
    "Arrival of the newest event whose effect is durable, in seconds since 1970.",
    ["flow", "partition"],
)
FLOW_ROWS = Counter("smolhog_flow_rows", "Rows that an output of a flow made durable.", ["flow", "step"])
FLOW_SINK_RETRIES = Counter(
    "smolhog_flow_sink_retries", "Writes of a flow's output that had to be tried again.", ["flow", "step"]
)
FLOW_DELIVERIES_FAILED = Counter(
    "smolhog_flow_deliveries_failed",
    "Calls of a flow's webhook that were given up and kept, by why.",
    ["flow", "step", "reason"],
)

FLOW_STARTS = Gauge(
    "smolhog_flow_starts",
    "How often a flow's process was started, as the query API finds it when it is asked; also while it does not run.",
    ["flow"],
)
FLOW_DONE_OFFSET = Gauge(
    "smolhog_flow_done_offset",
    "Offset before which every message has had its effect in a flow, likewise.",
    ["flow", "log", "partition"],
)
FLOW_DONE_TIME = Gauge(
    "smolhog_flow_done_time_seconds",
    "Arrival of the newest event that has, in seconds since 1970, likewise.",
    ["flow", "log", "partition"],
)

STORED_OFFSET = Gauge(
    "smolhog_stored_offset",
    "Offset before which PostgreSQL holds every message, as the query API finds it when it is asked.",
    ["log", "partition"],
)
STORED_TIME = Gauge(
    "smolhog_stored_time_seconds",
    "Arrival of the newest event that is stored, in seconds since 1970.",
    ["log", "partition"],
)

QUERY_SECONDS = Histogram(
    "smolhog_query_seconds", "Time that the query API took to answer.", ["route"], buckets=SECONDS
)
QUERIES_REFUSED = Counter(
    "smolhog_queries_refused", "Questions to the query API that got an error, by its code.", ["route", "code"]
)
