-- What administrators did: the command line writes a line with each change, in the same transaction.
CREATE TABLE audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    action text NOT NULL,
    project_id integer,
    details jsonb NOT NULL
);

-- A paused project takes no events; its clients keep theirs.
ALTER TABLE projects ADD COLUMN paused_at timestamptz;
