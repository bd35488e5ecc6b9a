"""Each person's events as arrays in the order of time: what funnels and paths are computed on. Pure.

Whole rows are never dragged along, only what an analysis needs of each event; ``groupArray`` of plain columns and
zipping them costs less than half of ``groupArray`` of tuples. A row that arrived twice is alike in all columns, so
after sorting it stands beside itself and is dropped there, which is cheaper than ``FINAL``.
"""

from collections.abc import Mapping

AT = "toUnixTimestamp64Micro(timestamp)"
# ClickHouse orders UUIDs by their second half; as a number they are in the order that people and UUIDv7 mean.
_ID = "toUInt128(event_id)"

MEMORY_SETTINGS = "SETTINGS max_block_size = 8192, max_bytes_before_external_group_by = 301989888"
"""Ends a statement over sequences: arrays are worked on for few people at a time, and spill to disk while gathered."""


def sequences(relation: str, columns: Mapping[str, str], also: str = "") -> str:
    """Return a subquery, in brackets, with a row for each person of an events relation.

    Its columns are ``person``, ``at`` (Array(Int64), microseconds since 1970) and an array for each of ``columns``,
    all in the order of (timestamp, event_id), each event once. Strings must not be Nullable.

    Args:
        relation: as :func:`query_api.questions.events_relation.events_relation` makes it.
        columns: expression by name, over the relation's columns.
        also: further columns of the person: ``, aggregate(…) AS name``.
    """
    gathered = "".join(f", groupArray({expression}) AS {name}_0" for name, expression in columns.items())
    zipped = ", ".join(f"{name}_0" for name in columns)
    placed = "".join(f", tupleElement(events, {place}) AS {name}" for place, name in enumerate(columns, 3))
    return f"""(
    SELECT * EXCEPT (events), tupleElement(events, 1) AS at{placed}
    FROM (
        SELECT * EXCEPT (at_0, id_0, {zipped}), arrayCompact(arraySort(arrayZip(at_0, id_0, {zipped}))) AS events
        FROM (
            SELECT person, groupArray({AT}) AS at_0, groupArray({_ID}) AS id_0{gathered}{also}
            FROM {relation}
            GROUP BY person
        )
    )
)"""
