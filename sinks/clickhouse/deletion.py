"""Deletes rows from tables, on one server or on a cluster."""

import re
from collections.abc import Mapping
from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.cluster import Cluster

_ENGINE = """
SELECT database, engine_full FROM system.tables WHERE database = currentDatabase() AND name = {table:String}
"""
_DISTRIBUTED = re.compile(r"^Distributed\('(?P<cluster>(?:[^'\\]|\\.)+)'")
# Returns once it is done, on all replicas; rows that arrive meanwhile are not looked at.
_WAIT = {"mutations_sync": 2}
_WAIT_ON_CLUSTER = _WAIT | {"distributed_ddl_task_timeout": 6 * 3600}
THE_TABLE = "{this_table}"
"""Stands for the table itself in a condition."""


def delete_rows(client: Client, table: str, where: str, parameters: Mapping[str, Any]) -> None:
    """Delete what is there of some rows, and wait until it is gone.

    Args:
        client: to ClickHouse.
        table: of the schema.
        where: which rows; may look at the table itself, by the name of :data:`THE_TABLE`. On a cluster that is
            the part of it on the same shard.
        parameters: values in the condition.

    Raises:
        clickhouse_connect.driver.exceptions.ClickHouseError: ClickHouse is away, or one of its servers.
    """
    cluster = cluster_of(client, table)
    name, everywhere = (table, "") if cluster is None else (cluster.local(table), cluster.everywhere)
    client.command(
        f"ALTER TABLE {name}{everywhere} DELETE WHERE {where.replace(THE_TABLE, name)}",
        parameters=dict(parameters),
        settings=_WAIT if cluster is None else _WAIT_ON_CLUSTER,
    )


def cluster_of(client: Client, table: str) -> Cluster | None:
    """Return the cluster that a table is spread over; ``None`` for a table of one server."""
    rows = client.query(_ENGINE, parameters={"table": table}).result_rows
    for database, engine in rows:
        if found := _DISTRIBUTED.match(engine):
            return Cluster(found["cluster"], database)
    return None
