CREATE TABLE abandoned_carts (
    project_id integer NOT NULL,
    distinct_id text NOT NULL,
    left_at timestamptz NOT NULL,
    items integer NOT NULL,
    worth double precision NOT NULL,
    PRIMARY KEY (project_id, distinct_id, left_at)
);
