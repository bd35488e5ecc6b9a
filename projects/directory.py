"""The live keys of all projects, kept in memory by each process that checks them.

Read from PostgreSQL when it tells of a change, and every two seconds in case that got lost: so a new
key works at once, and a revocation takes effect within five seconds. What was read is also kept in a
file, so that a gateway that starts while PostgreSQL is away still takes events.
"""

import json
import threading
from pathlib import Path

import psycopg
import structlog

from projects.keys import Key, KeyKind, digest_of

REFRESH_SECONDS = 2.0
LISTEN = "LISTEN smolhog_keys"
_log = structlog.get_logger()


class KeyDirectory:
    """A :class:`projects.keys.KeyRing` over PostgreSQL; safe to use from any thread.

    Args:
        dsn: where PostgreSQL is.
        snapshot: file that keeps the digests (never the keys) over restarts; ``None`` for none.
    """

    def __init__(self, dsn: str, snapshot: Path | None = None) -> None:
        self._dsn = dsn
        self._snapshot = snapshot
        self._keys: dict[tuple[bytes, KeyKind], Key] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._refresh_forever, name="key-directory", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether keys are known at all, from PostgreSQL or from the snapshot."""
        return self._keys is not None

    def start(self) -> None:
        """Load the keys once, from the snapshot if PostgreSQL is away, and keep them fresh."""
        self.refresh()
        if self._keys is None:
            self._load_snapshot()
        self._thread.start()

    def close(self) -> None:
        """Stop refreshing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def find(self, secret: str, kind: KeyKind) -> Key | None:
        """Return the live key behind ``secret``, or ``None`` if there is none of that kind."""
        # The lookup is by digest, so its timing tells nothing about a secret.
        return (self._keys or {}).get((digest_of(secret), kind))

    def refresh(self) -> bool:
        """Read the keys now; returns whether PostgreSQL answered."""
        try:
            with psycopg.connect(self._dsn, connect_timeout=3) as connection:
                self._read(connection)
        except psycopg.Error as error:
            # The keys known so far stay good: PostgreSQL being away must not lose events.
            _log.warning("keys not refreshed", error=str(error).strip())
            return False
        return True

    def _refresh_forever(self) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._dsn, connect_timeout=3, autocommit=True) as connection:
                    connection.execute(LISTEN)
                    while not self._stop.is_set():
                        self._read(connection)
                        for _ in connection.notifies(timeout=REFRESH_SECONDS, stop_after=1):
                            pass
            except psycopg.Error as error:
                _log.warning("keys not refreshed", error=str(error).strip())
                self._stop.wait(REFRESH_SECONDS)

    def _read(self, connection: psycopg.Connection) -> None:
        rows = connection.execute(
            "SELECT digest, kind, key_id, project_id, origins, paused_at IS NOT NULL "
            "FROM keys JOIN projects USING (project_id) WHERE revoked_at IS NULL"
        ).fetchall()
        keys = {
            (bytes(digest), KeyKind(kind)): _key(key_id, project_id, kind, origins, is_paused=is_paused)
            for digest, kind, key_id, project_id, origins, is_paused in rows
        }
        if keys != self._keys:
            self._keys = keys
            self._save_snapshot(keys)

    def _save_snapshot(self, keys: dict[tuple[bytes, KeyKind], Key]) -> None:
        if self._snapshot is None:
            return
        rows = [
            [
                digest.hex(),
                kind,
                key.key_id,
                key.project_id,
                None if key.origins is None else [*key.origins],
                key.is_paused,
            ]
            for (digest, kind), key in keys.items()
        ]
        new = self._snapshot.with_suffix(".new")
        try:
            self._snapshot.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(rows))
            new.replace(self._snapshot)
        except OSError as error:
            # A full disk must not keep revocations from taking effect.
            _log.warning("key snapshot not written", file=str(self._snapshot), error=str(error))

    def _load_snapshot(self) -> None:
        if self._snapshot is None or not self._snapshot.exists():
            return
        try:
            rows = json.loads(self._snapshot.read_text())
            self._keys = {
                (bytes.fromhex(digest), KeyKind(kind)): _key(
                    key_id, project_id, kind, origins, is_paused=bool(paused and paused[0])
                )
                # Files of earlier versions do not say whether a project is paused.
                for digest, kind, key_id, project_id, origins, *paused in rows
            }
        except (ValueError, TypeError, OSError) as error:
            _log.warning("key snapshot not readable", file=str(self._snapshot), error=str(error))


def _key(key_id: int, project_id: int, kind: str, origins: list[str] | None, *, is_paused: bool) -> Key:
    allowed = None if origins is None else frozenset(origins)
    return Key(key_id, project_id, KeyKind(kind), allowed, is_paused)
