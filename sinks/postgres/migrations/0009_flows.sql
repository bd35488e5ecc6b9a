-- Of the flows that people write (dataflows/kit). A flow's own tables are its own.

-- How far an output of a flow has written a partition; moved in the transaction that stores its rows.
CREATE TABLE flow_positions (
    flow text NOT NULL,
    version integer NOT NULL,
    step text NOT NULL,
    log_id bigint NOT NULL,
    log_partition text NOT NULL,
    next_offset bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow, version, step, log_id, log_partition)
);

-- How far a flow has come; for people to look at, nothing is decided by it.
CREATE TABLE flow_progress (
    flow text NOT NULL,
    version integer NOT NULL,
    log_id bigint NOT NULL,
    log_partition text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('backfill', 'live', 'done')),
    next_offset bigint NOT NULL,
    end_offset bigint,
    log_time timestamptz,
    done_events bigint NOT NULL,
    total_events bigint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow, version, log_id, log_partition)
);

-- Calls that a receiver refused for good, or that it could not be reached for.
CREATE TABLE flow_failed_deliveries (
    idempotency_key text PRIMARY KEY,
    flow text NOT NULL,
    step text NOT NULL,
    url text NOT NULL,
    body text NOT NULL,
    status integer,
    reason text NOT NULL,
    attempts integer NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX flow_failed_deliveries_newest ON flow_failed_deliveries (flow, failed_at);

-- Which migrations of its own tables a flow has applied, in both stores.
CREATE TABLE flow_migrations (
    flow text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow, name)
);
