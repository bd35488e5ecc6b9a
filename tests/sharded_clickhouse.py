"""The embedded server as a cluster of two shards: one engine, under two addresses, that shows each half of its rows.

    python -m tests.sharded_clickhouse --path DIR …   # otherwise as smolhog.embedded.clickhouse_server

The engine takes both addresses for itself and opens no connection. Row filters do what lies apart on servers does: the
table that both shards share has, asked as shard n, only the rows that its `Distributed` table sends there. So it shows
whether questions, views and deletions are right on shards. What needs several processes it does not show: keeper and
replicas, which are taken out of the statements here, and the network.
"""

import re
import sys
from collections.abc import Mapping

from sinks.clickhouse.cluster import SPREAD_BY, Cluster
from smolhog.embedded import clickhouse_config, clickhouse_engine, clickhouse_server
from smolhog.embedded.clickhouse_engine import Answer, Session

CLUSTER = "two"
DATABASES = tuple(f"sharded_{number}" for number in range(8))
"""The only ones with shards: row filters name them."""
FLOW_TABLE = "flow_rows"
FLOW_TABLE_ORDER = "(n, log_offset, log_index)"
"""The one table of a flow that has shards, and what it is sorted by."""
_SHARDS = ("127.0.0.1", "localhost")


def _servers() -> str:
    shards = "".join(
        f"<shard><replica><host>{host}</host><port>9000</port></replica></shard>" for host in _SHARDS
    )
    return f"<tcp_port>9000</tcp_port><remote_servers><{CLUSTER}>{shards}</{CLUSTER}></remote_servers>"


def _filters() -> str:
    tables = "".join(
        f"<{table}><filter>shardNum() = 0 OR cityHash64({columns}) % {len(_SHARDS)} + 1 = shardNum()</filter></{table}>"
        for table, columns in (SPREAD_BY | {FLOW_TABLE: FLOW_TABLE_ORDER}).items()
    )
    names = [Cluster(CLUSTER, database).local_database for database in DATABASES]
    return f"<databases>{''.join(f'<{name}>{tables}</{name}>' for name in names)}</databases>"


class _OneEngine(Session):
    """Runs a cluster's statements on itself, which is all servers of it."""

    def run(self, sql: str, form: str, params: Mapping[str, str]) -> Answer:
        """Run one without what needs a keeper."""
        if f" ON CLUSTER `{CLUSTER}`" in sql:
            sql = sql.replace(f" ON CLUSTER `{CLUSTER}`", "").replace("ENGINE = Replicated", "ENGINE = ")
            sql = re.sub(
                r"(?<!non_)replicated_deduplication_window", "non_replicated_deduplication_window", sql
            )
        return super().run(sql, form, params)


def main() -> int:
    """Run the server."""
    config, users = clickhouse_config._CONFIG, clickhouse_config._USERS
    config.template = config.template.replace("</clickhouse>", f"{_servers()}</clickhouse>")
    users.template = users.template.replace(
        "</default>\n    </users>", f"{_filters()}</default>\n    </users>"
    )
    clickhouse_engine.Session = _OneEngine  # type: ignore[misc]
    return clickhouse_server.main()


if __name__ == "__main__":
    sys.exit(main())
