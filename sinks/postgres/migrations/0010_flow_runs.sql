-- The processes of flows, for people to look at: how often one was started, and why it ended last.
CREATE TABLE flow_runs (
    flow text PRIMARY KEY,
    starts bigint NOT NULL,
    started_at timestamptz NOT NULL,
    failures bigint NOT NULL DEFAULT 0,
    failed_at timestamptz,
    reason text
);
