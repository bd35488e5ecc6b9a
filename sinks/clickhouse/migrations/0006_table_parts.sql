-- The parts that tables consist of, on whichever shard they are (0 where there is one server): what is new in a table,
-- and how large it is. The names of parts repeat from shard to shard.
CREATE VIEW table_parts AS
SELECT
    shardNum() AS shard, database, table, name, partition_id, min_block_number, max_block_number, rows, bytes_on_disk
FROM system.parts
WHERE active;
