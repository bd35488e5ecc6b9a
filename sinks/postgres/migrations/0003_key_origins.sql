-- The web origins that may use a key; NULL for any.
ALTER TABLE keys ADD COLUMN origins text[] CHECK (cardinality(origins) > 0);
