"""The ClickHouse engine of chDB, opened on one folder and shared by many short sessions.

chDB hosts one engine a process and any number of connections to it. `SET` and `USE` belong to a connection and a
new connection takes 0.3 ms, so every request gets its own: nothing can leak from one request to the next. The
engine releases the interpreter lock while it works, so sessions in different threads run side by side.

Merges, mutations and TTLs run by themselves in the engine's background threads, as in a server.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import chdb

from smolhog.embedded.clickhouse_config import EngineLimits, write_config
from smolhog.embedded.errors import FolderUnusableError, QueryError
from smolhog.embedded.folder_lock import FolderLock

_ERROR = re.compile(r"Code: (\d+)\. DB::Exception: .*", re.DOTALL)
_STD_EXCEPTION = 1001
_NOT_ENOUGH_SPACE = 243
_PROC_FILES = Path("/proc/self/fd")

# Formats that the engine can send block by block: in all others every block would repeat a header or a frame.
STREAMED_FORMATS = frozenset(
    {"Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "RowBinary", "JSONEachRow"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished query: its output and the figures of ClickHouse's summary header. Times in nanoseconds."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0


def sql_string(text: str) -> str:
    """A SQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def sql_name(text: str) -> str:
    """A quoted SQL identifier."""
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def query_error(error: Exception) -> QueryError:
    """The engine's exception as ClickHouse words it; the code is in the text and nowhere else."""
    text = str(error)
    match = _ERROR.search(text)
    if match is None:
        return QueryError(_STD_EXCEPTION, f"Code: {_STD_EXCEPTION}. DB::Exception: {text} (STD_EXCEPTION)")
    return QueryError(int(match.group(1)), match.group().strip())


def _connect(target: str) -> Any:
    return chdb.connect(target)  # type: ignore[no-untyped-call] # chDB has no annotations


class Session:
    """One connection to the engine, for one request. Calls block; use it from one thread at a time.

    Every method raises `QueryError` with the engine's code.
    """

    def __init__(self, connection: Any, engine_id: str) -> None:
        self._connection = connection
        self._engine_id = engine_id
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def prepare(self, database: str | None, settings: Mapping[str, str], *, read_only: bool) -> None:
        """Set the request's database and settings.

        Args:
            database: None for `default`.
            settings: ClickHouse settings by name; the engine refuses unknown ones with code 115.
            read_only: refuse writes, as a server does for GET.
        """
        pairs = [f"{sql_name(name)} = {sql_string(value)}" for name, value in settings.items()]
        pairs += [f"log_comment = {sql_string(self._engine_id)}"]
        # Last, because a read-only session may not change this setting any more.
        pairs += ["readonly = 2"] if read_only else []
        if database:
            self._execute(f"USE {sql_name(database)}", "Null", {})
        self._execute(f"SET {', '.join(pairs)}", "Null", {})

    def classify(self, sql: str) -> tuple[int, bool]:
        """The number of statements in `sql` (0 when it does not parse) and whether they only read."""
        verdict = self._connection._conn.classify_query(sql)  # noqa: SLF001 - chDB offers it on the inner object only
        return int(verdict["statement_count"]), verdict["query_class"].name == "READ_ONLY"

    def run(self, sql: str, form: str, params: Mapping[str, str]) -> Answer:
        """Run a query to its end; `form` is the output format unless the query names one itself."""
        result = self._execute(sql, form, params)
        return Answer(
            body=bytes(result.bytes()),
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            elapsed_ns=int(result.elapsed() * 1e9),
        )

    def stream(self, sql: str, form: str, params: Mapping[str, str]) -> Iterator[bytes]:
        """Run a SELECT and yield its output block by block, in a format of `STREAMED_FORMATS`."""
        try:
            self._stream = self._connection.send_query(sql, form, params=dict(params))
            for block in self._stream:
                data = bytes(block.bytes())
                if data:
                    yield data
        except (chdb.ChdbError, RuntimeError) as error:
            raise query_error(error) from error
        self._stream = None

    def begin_insert(self, statement: str, form: str) -> "RowInserter":
        """Open an INSERT that takes its rows in pieces, in constant memory."""
        return RowInserter(self, statement, form)

    def close(self) -> None:
        """End the session; a stream that was not read to its end is cancelled."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._connection.close()

    def _execute(self, sql: str, form: str, params: Mapping[str, str]) -> Any:
        try:
            return self._connection.query(sql, form, params=dict(params))
        except (chdb.ChdbError, RuntimeError) as error:
            raise query_error(error) from error


class RowInserter:
    """The rows of one INSERT on their way into the engine, in a file until they are complete.

    chDB's own streaming insert reports success for rows that the table refused: too many parts, a full
    disk, a constraint. An INSERT from a file raises as a server does, and takes no longer.
    """

    def __init__(self, session: Session, statement: str, form: str) -> None:
        self._session = session
        self._statement = statement
        self._format = form
        with _full_disk_is_an_error():
            # Where the system can, a file without a name: it goes with the process, however that ends.
            self._file = TemporaryFile() if _PROC_FILES.exists() else NamedTemporaryFile()  # noqa: SIM115 - see cancel

    def append(self, data: bytes) -> None:
        """Add bytes of the INSERT's format; they may be cut anywhere."""
        with _full_disk_is_an_error():
            self._file.write(data)

    def finish(self, data: bytes) -> Answer:
        """Add the last bytes and commit. When this returns the rows are in the table."""
        self.append(data)
        with _full_disk_is_an_error():
            self._file.flush()
        path = str(_PROC_FILES / str(self._file.fileno())) if _PROC_FILES.exists() else str(self._file.name)
        source = f"FROM INFILE {sql_string(path)} COMPRESSION 'none' FORMAT {self._format}"
        return self._session.run(f"{self._statement} {source}", "Null", {})

    def cancel(self) -> None:
        """Give up; harmless after `finish`."""
        self._file.close()


@contextmanager
def _full_disk_is_an_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise QueryError(
            _NOT_ENOUGH_SPACE,
            f"Code: {_NOT_ENOUGH_SPACE}. DB::Exception: rows on their way: {error} (NOT_ENOUGH_SPACE)",
        ) from error


def _drop_empty_default_database(data: Path) -> None:
    """Forget a `default` database that never had a table, before the engine starts.

    chDB looks for the database's folder, which the first table makes, and without it invents another identity; the
    one in the file could then neither be attached nor made anew.
    """
    definition = data / "metadata" / "default.sql"
    if definition.exists() and not (data / "metadata" / "default").exists():
        definition.unlink()


def _put_plain_default_database(session: Session, data: Path) -> None:
    """Make `default` the database that a server has.

    chDB opens it as an overlay of its tables and of all files of this machine, so that a wrong table name would be
    looked for on disk. Its tables are in an ordinary database of the same name, which shows when the overlay is
    detached; only a folder without tables has none yet.
    """
    exists = (data / "metadata" / "default.sql").exists()
    session.run("USE system", "Null", {})
    session.run("DETACH DATABASE default", "Null", {})
    session.run(
        "ATTACH DATABASE default" if exists else "CREATE DATABASE default ENGINE = Atomic", "Null", {}
    )
    session.run("USE default", "Null", {})


class Engine:
    """The engine on one folder: `<path>/lock`, its configuration, and `<path>/data`.

    Args:
        path: created when missing, for this user only.
        limits: memory and thread bounds.

    Raises:
        FolderInUseError: another process has the folder open.
        FolderUnusableError: the path cannot be written in chDB's connection string.
    """

    def __init__(self, path: Path, limits: EngineLimits) -> None:
        path = path.absolute()
        if "?" in str(path):
            raise FolderUnusableError(f"{path}: the engine's folder may not have a question mark in its name")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FolderLock(path)
        try:
            config = write_config(path, limits)
            data = path / "data"
            _drop_empty_default_database(data)
            self._target = f"{data}?config-file={quote(str(config))}"
            # Keeps the engine alive between requests: it shuts down with its last connection.
            self._anchor = Session(_connect(self._target), "engine")
            _put_plain_default_database(self._anchor, data)
        except (RuntimeError, QueryError) as error:
            self._lock.release()
            raise FolderUnusableError(f"{path}: {error}") from error
        facts = self._anchor.run("SELECT version(), timezone(), hostName()", "TSV", {}).body
        self.version, self.timezone, self.host_name = facts.decode().rstrip("\n").split("\t")

    def session(self, engine_id: str) -> Session:
        """A new session; `engine_id` is what `kill` knows it by."""
        try:
            return Session(_connect(self._target), engine_id)
        except RuntimeError as error:
            raise query_error(error) from error

    def kill(self, engine_id: str) -> None:
        """Cancel what the session is running now, if anything. It then raises code 394."""
        with self.session("kill") as session:
            session.run(f"KILL QUERY WHERE Settings['log_comment'] = {sql_string(engine_id)}", "Null", {})

    def close(self) -> None:
        """Flush and stop the engine. All sessions must be closed."""
        self._anchor.close()
        self._lock.release()
