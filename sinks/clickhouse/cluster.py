"""The schema on a cluster of ClickHouse servers: shards, each of one or more replicas. Pure.

Two databases. ``<name>_shard`` holds each shard's rows of every table, replicated within the shard. ``<name>`` is what
everybody writes to and reads from: a ``Distributed`` table over each of them, under the same name. A row's shard is a
hash of columns that its table is sorted by, so that rows which replace each other, or belong together, meet on one
shard: ``FINAL`` means there what it means on one server. A materialized view reads what its own shard was given and
writes to all.

The migrations are written for one server; what is different on a cluster is put in here, so that both come from the
same files.
"""

import re
from dataclasses import dataclass

from clickhouse_connect.driver.binding import quote_identifier

from sinks.errors import MigrationError

_CREATE = re.compile(
    r"^\s*CREATE (?P<kind>TABLE|MATERIALIZED VIEW|VIEW)(?P<if> IF NOT EXISTS)? (?P<table>\w+)(?P<rest>.*)$",
    re.DOTALL,
)
_CHANGE = re.compile(
    r"^\s*(?P<verb>ALTER|DROP) TABLE(?P<if> IF EXISTS)? (?P<table>\w+)(?P<rest>.*)$", re.DOTALL
)
# AS is followed by a table at the beginning only; elsewhere by the name of a column.
_SOURCE = re.compile(r"(?P<word>\bFROM|^ AS) (?P<table>\w+)\b(?!\.)")
_TARGET = re.compile(r"^ TO (?P<target>\w+)")
_ENGINE = re.compile(r"\bENGINE = (\w*MergeTree)\b")
_ORDER = re.compile(
    r"\bORDER BY (?P<key>.+?)(?=\b(?:PARTITION BY|PRIMARY KEY|SAMPLE BY|TTL|SETTINGS|COMMENT)\b|$)", re.DOTALL
)
_SETTINGS = re.compile(r"\bSETTINGS ")
_NO_DEDUPLICATION = "replicated_deduplication_window = 0"
"""A replicated table forgets a block that it was given before. Ours know equal rows by themselves, and a rebuild
writes the very rows again that it has deleted."""

_USERS = "project_id, event, bucket"
_ROLLUP = "project_id, dimension, event, bucket, value"
SPREAD_BY = {
    "schema_migrations": "name",
    "events": "project_id, distinct_id",
    "rollup_minute": _ROLLUP,
    "rollup_hour": _ROLLUP,
    "rollup_positions": "log_id, log_partition",
    "distinct_users_minute": _USERS,
    "distinct_users_hour": _USERS,
    "distinct_users_day": _USERS,
    "distinct_users_feed": _USERS,
    "sessions": "project_id, session_id",
    "people_feed": "project_id, distinct_id",
    "identity_links": "project_id, distinct_id",
    "people": "project_id, distinct_id",
    "person_facts": "project_id, of, holder",
}
"""Which columns decide on the shard of a row, by table."""
_STAYING = frozenset({"people_feed", "distinct_users_feed"})
"""Tables that only pass rows on: from view to view, on the shard where they are."""
_LOCAL = "_shard"


def databases_of(database: str) -> list[str]:
    """Return where the rows of a database may lie: in itself on one server, in the shards' own on a cluster."""
    return [database, f"{database}{_LOCAL}"]


@dataclass(frozen=True)
class Cluster:
    """A database on a cluster.

    Attributes:
        name: of the cluster, in the servers' configuration; ``{cluster}`` is their macro.
        database: the name of the database that is written to and read from.
    """

    name: str
    database: str

    @property
    def local_database(self) -> str:
        """Where each server keeps its rows."""
        return f"{self.database}{_LOCAL}"

    @property
    def everywhere(self) -> str:
        """The clause that makes a statement run on every server."""
        return f" ON CLUSTER {quote_identifier(self.name)}"

    def local(self, table: str) -> str:
        """Name the table with a server's own rows."""
        return f"{quote_identifier(self.local_database)}.{table}"

    def databases(self) -> list[str]:
        """Return the statements that make both databases."""
        return [
            f"CREATE DATABASE IF NOT EXISTS {quote_identifier(name)}{self.everywhere}"
            for name in databases_of(self.database)
        ]

    def statements(self, statement: str) -> list[str]:
        """Return what a statement of a migration is on a cluster, in the order in which it is to be run.

        Each names the databases of its tables, but an INSERT, which is to be run in :attr:`database`.
        """
        if found := _CREATE.match(statement):
            return self._create(found["kind"], found["if"] or "", found["table"], found["rest"])
        if found := _CHANGE.match(statement):
            head = f"{found['verb']} TABLE{found['if'] or ''}"
            rest = f"{self.everywhere}{found['rest']}"
            tables = (self.local(found["table"]), self._shown(found["table"]))
            return [f"{head} {table}{rest}" for table in tables]
        return [statement]  # an INSERT: the tables pass it on

    def _create(self, kind: str, if_not: str, table: str, rest: str) -> list[str]:
        rest = _SOURCE.sub(self._source, rest)
        if target := _TARGET.match(rest):
            name = target["target"]
            qualified = self.local(name) if name in _STAYING else self._shown(name)
            rest = f" TO {qualified}{rest[target.end() :]}"
        make = f"CREATE {kind}{if_not} {self.local(table)}{self.everywhere}{self._replicated(rest)}"
        if kind == "MATERIALIZED VIEW":
            return [make]
        by = f", cityHash64({self._spread_by(table, rest)})" if kind == "TABLE" else ""
        return [
            make,
            (
                f"CREATE TABLE{if_not} {self._shown(table)}{self.everywhere} AS {self.local(table)} "
                f"ENGINE = Distributed({_text(self.name)}, {_text(self.local_database)}, {_text(table)}{by})"
            ),
        ]

    def _spread_by(self, table: str, definition: str) -> str:
        """Return what decides on the shard of a row; of a flow's own table that is all it is sorted by."""
        if table in SPREAD_BY:
            return SPREAD_BY[table]
        found = _ORDER.search(definition)
        if found is None:
            raise MigrationError(
                f"table {table} does not say ORDER BY, by which its rows are spread over the shards of {self.name}"
            )
        return found["key"].strip()

    def _replicated(self, definition: str) -> str:
        if _ENGINE.search(definition) is None:
            return definition
        replicated = _ENGINE.sub(r"ENGINE = Replicated\1", definition)
        if _SETTINGS.search(replicated):
            return _SETTINGS.sub(f"SETTINGS {_NO_DEDUPLICATION}, ", replicated)
        return f"{replicated.rstrip()}\nSETTINGS {_NO_DEDUPLICATION}"

    def _source(self, found: re.Match[str]) -> str:
        """Name the table, if it is one of ours, that a view reads or a table is made like."""
        name = found["table"]
        return f"{found['word']} {self.local(name)}" if name in SPREAD_BY else found[0]

    def _shown(self, table: str) -> str:
        return f"{quote_identifier(self.database)}.{table}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
