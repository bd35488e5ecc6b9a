-- A short number by which a person names a rejected event, and pages are cut.
ALTER TABLE rejected_events
    ADD COLUMN rejected_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN replayed_at timestamptz;

CREATE INDEX rejected_events_by_number ON rejected_events (project_id, rejected_id);
