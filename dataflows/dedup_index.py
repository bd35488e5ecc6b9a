"""The dedup index on disk, in RocksDB.

An entry lives for ``days`` after it was written; RocksDB drops it when it next compacts. Writes go
to the operating system before they return, so a kill of the process loses none; :meth:`sync` makes
them survive a power cut, too.
"""

from pathlib import Path
from typing import NamedTuple, cast

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
)

_SECONDS_A_DAY = 86_400
_MIB = 1024**2


class IndexSize(NamedTuple):
    """How much an index holds; both as RocksDB knows it, without looking."""

    ids: int
    """Estimated: those that have expired count until they are dropped."""
    disk_bytes: int


class RocksDedupIndex:
    """A :class:`dataflows.dedup.DedupIndex` in a folder that one process may hold at a time.

    Args:
        folder: made if it is not there.
        days: how long an id is remembered at least.
    """

    def __init__(self, folder: Path, days: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        options = _options()
        self._db = Rdict(
            str(folder),
            options,
            # Without it a store that exists is opened with the options that it recorded. In these its filter
            # for expired entries is wrapped once more at each start, and takes bytes of a place for a time.
            column_families={"default": options},
            access_type=AccessType.with_ttl(days * _SECONDS_A_DAY),
        )

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """Return the place stored under each key, or ``None``, in order."""
        return cast("list[bytes | None]", self._db.get([*keys]))

    def put(self, entries: dict[bytes, bytes]) -> None:
        """Store all entries or none."""
        batch = WriteBatch(raw_mode=True)
        for key, place in entries.items():
            batch.put(key, place)
        self._db.write(batch)

    def size(self) -> IndexSize:
        """Return how much there is. May be called from any thread."""
        return IndexSize(
            ids=self._db.property_int_value("rocksdb.estimate-num-keys") or 0,
            disk_bytes=self._db.property_int_value("rocksdb.total-sst-files-size") or 0,
        )

    def sync(self) -> None:
        """Make everything written so far survive a power cut."""
        self._db.flush_wal(sync=True)

    def close(self) -> None:
        """Let go of the folder."""
        self._db.close()


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    # Small buffers: several partitions share a laptop with two databases.
    options.set_write_buffer_size(16 * _MIB)
    options.set_max_write_buffer_number(3)
    options.set_max_background_jobs(2)
    options.set_level_compaction_dynamic_level_bytes(True)
    # Keys are random bytes and values are positions: neither shrinks much, and reads wait.
    options.set_compression_type(DBCompressionType.none())
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(_MIB)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(32 * _MIB))
    table.set_bloom_filter(10, block_based=False)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options.set_block_based_table_factory(table)
    return options
