-- Projects and the keys that open them.
CREATE TABLE projects (
    project_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE keys (
    key_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects,
    kind text NOT NULL CHECK (kind IN ('write', 'read')),
    name text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    hint text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- Raw events, a partition for each day of the event's time (sinks/postgres/partitions.py makes them).
-- The order of the columns is that of the rows in schemas/stored.py.
CREATE TABLE events (
    project_id integer NOT NULL,
    event_id uuid NOT NULL,
    event text NOT NULL,
    distinct_id text NOT NULL,
    timestamp timestamptz NOT NULL,
    client_timestamp timestamptz,
    received_at timestamptz NOT NULL,
    session_id text,
    properties jsonb NOT NULL,
    context jsonb NOT NULL,
    source text NOT NULL,
    log_id bigint NOT NULL,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    PRIMARY KEY (event_id, project_id, timestamp)
) PARTITION BY RANGE (timestamp);

-- One user's timeline. A hash is a fifth of the size of the ids that people use, and this index is
-- written for each event.
CREATE INDEX events_timeline ON events (hashtextextended(distinct_id, 0), timestamp);

-- Days that were long past when their first event arrived: a partition for each month.
CREATE TABLE events_past PARTITION OF events DEFAULT PARTITION BY RANGE (timestamp);

-- Every event that is not in events, and why. The place in the log makes a replay harmless.
CREATE TABLE rejected_events (
    log_id bigint NOT NULL,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    log_index integer NOT NULL,
    project_id integer,
    received_at timestamptz,
    event_id text,
    reason text NOT NULL,
    message text NOT NULL,
    payload bytea NOT NULL,
    source text,
    rejected_by text NOT NULL CHECK (rejected_by IN ('gateway', 'dataflow')),
    PRIMARY KEY (log_id, log_partition, log_offset, rejected_by, log_index)
);

CREATE INDEX rejected_events_newest ON rejected_events (project_id, received_at);

-- How far each partition of each event log is stored; moved in the transaction that stores the rows.
CREATE TABLE sink_positions (
    log_id bigint NOT NULL,
    log_partition integer NOT NULL,
    next_offset bigint NOT NULL,
    log_time timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log_id, log_partition)
);
