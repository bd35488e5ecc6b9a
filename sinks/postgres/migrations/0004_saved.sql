-- What people keep: groups of users by rule, and pages of charts.
CREATE TABLE cohorts (
    cohort_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects,
    name text NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX cohorts_of_project ON cohorts (project_id);

CREATE TABLE dashboards (
    dashboard_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id integer NOT NULL REFERENCES projects,
    name text NOT NULL,
    tiles jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX dashboards_of_project ON dashboards (project_id);

-- Links that show one dashboard to whoever has them. Like a key, a token is not kept, only its digest.
CREATE TABLE shares (
    dashboard_id integer PRIMARY KEY REFERENCES dashboards ON DELETE CASCADE,
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
