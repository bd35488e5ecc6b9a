-- Whose events were deleted, so that the event log, which keeps them until its retention, does not bring
-- them back: a dataflow passes over the events of such an id before "before_offset". Ids are kept as digests.
CREATE TABLE deleted_people (
    log_id bigint NOT NULL,
    log_partition integer NOT NULL,
    project_id integer NOT NULL,
    digest bytea NOT NULL,
    before_offset bigint NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    -- Seconds since 1970 of the hours that are still to be counted anew: none once the deletion is complete.
    hours bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (log_id, log_partition, project_id, digest)
);
