"""The schema on a cluster of ClickHouse servers: each statement on all of them, each table replicated.

One shard of several replicas. The migrations are written for one server; what is different on a cluster is put in
here, so that both come from the same files. Pure.
"""

import re

_CREATE = re.compile(
    r"^(?P<head>\s*CREATE (?:TABLE|MATERIALIZED VIEW)(?: IF NOT EXISTS)? \w+)(?P<rest>.*)$",
    re.DOTALL,
)
_CHANGE = re.compile(r"^(?P<head>\s*(?:ALTER|DROP) TABLE(?: IF EXISTS)? \w+)(?P<rest>.*)$", re.DOTALL)
_ENGINE = re.compile(r"\bENGINE = (\w*MergeTree)\b")
_SETTINGS = re.compile(r"\bSETTINGS ")
_NO_DEDUPLICATION = "replicated_deduplication_window = 0"
"""A replicated table forgets a block that it was given before. Ours know equal rows by themselves, and a rebuild
writes the very rows again that it has deleted."""


def on_cluster(statement: str, cluster: str | None) -> str:
    """Return a statement of a migration as a cluster takes it.

    Args:
        statement: as for one server; its engines are written ``ENGINE = …``.
        cluster: its name in the servers' configuration; ``None`` for one server.
    """
    if cluster is None:
        return statement
    found = _CREATE.match(statement) or _CHANGE.match(statement)
    if found is None:
        return statement  # an INSERT: tables pass it on
    named = f"{found['head']} ON CLUSTER {_quoted(cluster)}{found['rest']}"
    if _ENGINE.search(named) is None:
        return named
    replicated = _ENGINE.sub(r"ENGINE = Replicated\1", named)
    if _SETTINGS.search(replicated):
        return _SETTINGS.sub(f"SETTINGS {_NO_DEDUPLICATION}, ", replicated)
    return f"{replicated.rstrip()}\nSETTINGS {_NO_DEDUPLICATION}"


def database_on_cluster(cluster: str | None) -> str:
    """Return the statement that makes the database; its name is parameter ``name``."""
    where = "" if cluster is None else f" ON CLUSTER {_quoted(cluster)}"
    return f"CREATE DATABASE IF NOT EXISTS {{name:Identifier}}{where}"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
