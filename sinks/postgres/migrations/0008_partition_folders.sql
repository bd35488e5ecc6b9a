-- Which folder's state a partition's numbers rest on, since a dataflow without state and without the beginning of
-- the log went on from what the stores held. An older folder of the partition must not go on after that.
CREATE TABLE partition_folders (
    log_id bigint NOT NULL,
    log_partition integer NOT NULL,
    folder_id text NOT NULL,
    place text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log_id, log_partition)
);
