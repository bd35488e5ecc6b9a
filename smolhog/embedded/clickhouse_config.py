"""The engine's configuration files: small caches, few threads, and no way out of its folder.

The defaults suit a machine that is also running everything else. They are bounds, not reservations: an idle engine
holds about 80 MB of its own memory beside 180 MB of mapped program.
"""

from dataclasses import dataclass
from pathlib import Path
from string import Template
from xml.sax.saxutils import escape

_CONFIG = Template("""\
<clickhouse>
    <users_config>$users</users_config>
    <max_server_memory_usage>$memory</max_server_memory_usage>
    <mark_cache_size>16777216</mark_cache_size>
    <index_mark_cache_size>4194304</index_mark_cache_size>
    <primary_index_cache_size>16777216</primary_index_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <query_condition_cache_size>4194304</query_condition_cache_size>
    <parquet_metadata_cache_size>1048576</parquet_metadata_cache_size>
    <iceberg_metadata_files_cache_size>0</iceberg_metadata_files_cache_size>
    <compiled_expression_cache_size>4194304</compiled_expression_cache_size>
    <background_pool_size>$merges</background_pool_size>
    <max_thread_pool_size>256</max_thread_pool_size>
    <max_thread_pool_free_size>8</max_thread_pool_free_size>
    <max_io_thread_pool_size>16</max_io_thread_pool_size>
    <merge_tree>
        <fsync_after_insert>$fsync</fsync_after_insert>
        <fsync_part_directory>$fsync</fsync_part_directory>
    </merge_tree>
</clickhouse>
""")

# What SQL needs inside the folder; reading files, URLs and other databases is not granted, because whoever can
# reach the port would then act with the rights of this process.
_USERS = Template("""\
<clickhouse>
    <profiles>
        <default>
            <max_threads>$threads</max_threads>
            <max_threads_min_free_memory_per_thread>$free</max_threads_min_free_memory_per_thread>
            <max_memory_usage>$memory</max_memory_usage>
        </default>
    </profiles>
    <quotas><default></default></quotas>
    <users>
        <default>
            <password></password>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants>
                <query>GRANT SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, SHOW, CHECK, KILL QUERY, SYSTEM, dictGet ON *.*</query>
                <query>GRANT TABLE ENGINE ON *</query>
            </grants>
        </default>
    </users>
</clickhouse>
""")


# A query gets a thread less where not so much is free. The engine's own 1 GiB would leave every query with one.
_FREE_BYTES_A_THREAD = 128 << 20


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Bounds on the engine.

    Attributes:
        memory_mb: queries and merges together; a query beyond it fails with code 241, the engine lives on.
        query_threads: threads of one query, unless it sets `max_threads`.
        merge_threads: background merges at a time.
        fsync: wait for the disk on every insert. Acknowledged rows survive SIGKILL either way, because the
            kernel holds what was written; only a power cut or a crash of the machine can tell the difference.
    """

    memory_mb: int = 1024
    query_threads: int = 2
    merge_threads: int = 2
    fsync: bool = False


def write_config(folder: Path, limits: EngineLimits) -> Path:
    """Write the configuration into `folder` and return the file that the engine is to be given."""
    users = folder / "users.xml"
    config = folder / "config.xml"
    memory = limits.memory_mb << 20
    users.write_text(
        _USERS.substitute(threads=limits.query_threads, memory=memory, free=_FREE_BYTES_A_THREAD)
    )
    config.write_text(
        _CONFIG.substitute(
            users=escape(str(users)), memory=memory, merges=limits.merge_threads, fsync=int(limits.fsync)
        )
    )
    return config
