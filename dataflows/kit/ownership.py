"""Sees to it that one process runs a flow, by a lock on its folder and one in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import psycopg
import stamina

from dataflows.kit.errors import FlowOwned
from dataflows.kit.flow import Flow
from smolhog.file_lock import FileLock, FileLocked

# Any number that no other program is likely to pair with ours.
_LOCK_SPACE = 0x464C_4F57_0000_0000
_OWN_SECONDS = 30.0


@contextmanager
def owned_folder(flow: Flow, folder: Path) -> Iterator[None]:
    """Hold a flow's folder; the system lets go of it however this process ends.

    Raises:
        FlowOwned: another process of this machine holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / "lock")
    except FileLocked as error:
        raise FlowOwned(
            f"another process on this machine runs flow {flow.name} (pid {error.holder})"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def owned_in_postgres(flow: Flow, dsn: str) -> Iterator[psycopg.Connection]:
    """Hold a flow on whatever machine; a killed predecessor is noticed within seconds.

    Raises:
        FlowOwned: another process holds it.
        psycopg.OperationalError: PostgreSQL does not answer.
    """
    digest = blake2b(f"{flow.name} {flow.version}".encode(), digest_size=4).digest()
    lock = _LOCK_SPACE | int.from_bytes(digest, "big")
    with psycopg.connect(
        dsn,
        autocommit=True,
        application_name=f"smolhog-flow-{flow.name}",
        options="-c timezone=UTC -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3",
    ) as connection:
        for attempt in stamina.retry_context(on=FlowOwned, attempts=None, timeout=_OWN_SECONDS, wait_max=1.0):
            with attempt:
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
                if row is None or not row[0]:
                    raise FlowOwned(f"another process runs flow {flow.name}, version {flow.version}")
        yield connection
