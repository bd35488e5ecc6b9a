"""Adds to the columnar copy what it lacks, and derives anew what ClickHouse derives from it.

All of it may be repeated: an event that is there twice counts once, and the union of a set with
itself is the set.
"""

from collections import Counter

from schemas.rollup import HourRange, Interval
from schemas.stored import EVENT_COLUMNS
from sinks.clickhouse.cells import read_event_ids
from sinks.clickhouse.rollup_rows import INSERT_SETTINGS
from sinks.positions import LogPartition, Positions
from sinks.postgres.raw_events import copy_rows, count_raw, read_ids
from sinks.verify import Stores, count_columnar_by_key

_INSERT_EVENTS = 10_000
_DERIVE = ("distinct_users_minute", "distinct_users_hour", "sessions")
