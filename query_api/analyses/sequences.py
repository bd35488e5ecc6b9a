"""Each person's events as arrays in the order of time: what funnels and paths are computed on. Pure.

Of each event, what its place depends on and what an analysis needs of it are packed into one number of 256 bits: from the
top its time, its id, and a code of 64 bits. Gathering and sorting such numbers costs two thirds of doing so with tuples.
A row that arrived twice is the same number, so after sorting it stands beside itself and is dropped there, which is
cheaper than ``FINAL``.
"""

from collections.abc import Mapping

AT = "toUnixTimestamp64Micro(timestamp)"
# So that times before 1970 come first.
_EARLIEST = 1 << 62
# ClickHouse orders UUIDs by their second half; as a number they are in the order that people and UUIDv7 mean.
_PACKED = (
    f"bitOr(bitShiftLeft(toUInt256(toUInt64({AT} + {_EARLIEST})), 192),"
    " bitOr(bitShiftLeft(toUInt256(toUInt128(event_id)), 64), toUInt256({code})))"
)

MEMORY_SETTINGS = (
    "SETTINGS max_block_size = 8192, max_bytes_before_external_group_by = 301989888, max_threads = 1"
)
"""Ends a statement over sequences: arrays are worked on for few people at a time, and spill to disk while gathered.

Each thread gathers arrays of its own for everybody, which are put together at the end: with two, half of the questions
about paths of ten million events took more than a question may, where with one they take three fifths of it.
"""


def sequences(relation: str, code: str, columns: Mapping[str, str], also: str = "") -> str:
    """Return a subquery, in brackets, with a row for each person of an events relation.

    Its columns are ``person``, ``at`` (Array(Int64), microseconds since 1970) and an array for each of ``columns``,
    all in the order of (timestamp, event_id), each event once.

    Args:
        relation: as :func:`query_api.questions.events_relation.events_relation` makes it.
        code: what is kept of an event, an unsigned number of up to 64 bits; an expression over the relation's columns.
        columns: by name, what to make of the code ``x``.
        also: further columns of the person: ``, aggregate(…) AS name``.
    """
    placed = "".join(
        f", arrayMap(x -> {expression}, codes) AS {name}" for name, expression in columns.items()
    )
    packed = _PACKED.replace("{code}", code)
    return f"""(
    SELECT * EXCEPT (events, codes), arrayMap(x -> toInt64(bitShiftRight(x, 192)) - {_EARLIEST}, events) AS at{placed}
    FROM (
        SELECT *, arrayMap(x -> toUInt64(x), events) AS codes
        FROM (
            SELECT * EXCEPT (packed), arrayCompact(arraySort(packed)) AS events
            FROM (SELECT person, groupArray({packed}) AS packed{also} FROM {relation} GROUP BY person)
        )
    )
)"""
