CREATE TABLE funnel_steps (
    project_id integer NOT NULL,
    distinct_id text NOT NULL,
    step integer NOT NULL,
    reached_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, distinct_id, step)
);
