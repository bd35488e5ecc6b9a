-- How long a project keeps its events; NULL: for ever. "pruned_before" is how far that was carried out last.
ALTER TABLE projects
    ADD COLUMN retention_days integer CHECK (retention_days > 0),
    ADD COLUMN pruned_before timestamptz;
