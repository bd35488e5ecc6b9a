"""Questions to ClickHouse from an event loop: bounded in number, time and memory."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import IOBase
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from urllib3.exceptions import HTTPError

from query_api.errors import InvalidParameter, QueryTooExpensive, StoreUnavailable
from query_api.newest_reach import NewestReach
from query_api.set_sizes import SetSizes
from query_api.sql import FINAL_SETTINGS, STORES_ALIVE
from query_api.traces import trace_statement
from sinks.clickhouse.cluster import databases_of
from sinks.clickhouse.connect import connect, connection_arguments

_Row = TypeVar("_Row")
_log = structlog.get_logger()
_PIECE_BYTES = 64 * 1024

# TIMEOUT_EXCEEDED, MEMORY_LIMIT_EXCEEDED, TOO_SLOW, TOO_MANY_ROWS_OR_BYTES: the limits below.
_TOO_EXPENSIVE = frozenset({159, 160, 241, 396})
# Not migrated yet (table, database), too many queries at once, the network, shutting down, the
# password being changed. None of them is the fault of who asked.
_AWAY = frozenset({60, 81, 202, 209, 210, 236, 516})
_CANCELLED = 394
# CANNOT_COMPILE_REGEXP: questions are checked with the same library, but the store may be of another version.
_BAD_PATTERN = 427
_KILL = "KILL QUERY WHERE query_id = {id:String} ASYNC"
_KILL_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one question may take of the store."""

    seconds: float = 10
    memory_bytes: int = 512 * 1024**2
    concurrency: int = 8
    """Questions that run at a time; more wait for their turn."""


class Columns:
    """The columnar store, as the query API sees it.

    A question takes a thread for as long as it runs. The driver's client for event loops wants another
    HTTP library, to save 0.3 ms of the 1.6 ms of processor time that a small question costs here.
    Rows come as JSON and are decoded into typed tuples, for 0.4 ms less than the driver's own format.
    """

    def __init__(self, url: str, limits: QueryLimits) -> None:
        self.set_sizes = SetSizes()
        self.newest = NewestReach()
        self._url = url
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="clickhouse")
        # Kills must get through when every thread waits for an answer.
        self._control = ThreadPoolExecutor(2, thread_name_prefix="clickhouse-kill")
        self._client: Client | None = None
        self._connecting = threading.Lock()
        self._settings = {
            **FINAL_SETTINGS,
            "max_execution_time": limits.seconds,
            "max_memory_usage": limits.memory_bytes,
            "output_format_json_quote_64bit_integers": 0,
        }

    @property
    def database(self) -> str:
        """Name of the database that the tables are in."""
        return str(connection_arguments(self._url)["database"])

    @property
    def databases(self) -> list[str]:
        """Where the rows of these tables may lie; for ``table_parts``."""
        return databases_of(self.database)

    async def rows(self, statement: str, parameters: Mapping[str, Any], row: type[_Row]) -> list[_Row]:
        """Run a statement. When whoever waits for the rows is cancelled, it ends in the store, or never begins.

        Args:
            statement: with placeholders ``{name:Type}``.
            parameters: their values.
            row: a NamedTuple class with a field for each column.

        Raises:
            QueryTooExpensive: it hit a limit.
            StoreUnavailable: ClickHouse is away, overloaded or not set up.
        """
        body = await self.raw(statement, parameters, settings={}, form="JSONCompactEachRow")
        return msgspec.json.Decoder(row).decode_lines(body)

    async def raw(
        self, statement: str, parameters: Mapping[str, Any], *, settings: Mapping[str, Any], form: str
    ) -> bytes:
        """Run a statement, as :meth:`rows` does; return the answer as the store wrote it.

        Args:
            statement: with placeholders ``{name:Type}``.
            parameters: their values.
            settings: for this statement, on top of the usual ones.
            form: name of one of ClickHouse's output formats.

        Raises:
            QueryTooExpensive: it hit a limit.
            StoreUnavailable: ClickHouse is away, overloaded or not set up.
            clickhouse_connect.driver.exceptions.ClickHouseError: it refuses the statement.
        """
        began = time.time_ns()
        query_id = str(uuid4())
        together = {**self._settings, **settings, "query_id": query_id}
        answer = self._threads.submit(self._answer, statement, dict(parameters), together, form)
        try:
            body = await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            # One that still waited for its turn never begins.
            if not answer.cancelled():
                self._control.submit(self._kill, query_id, answer)
            raise
        trace_statement("clickhouse", began)
        return body

    async def stream(
        self, statement: str, parameters: Mapping[str, Any], *, settings: Mapping[str, Any], form: str
    ) -> AsyncGenerator[bytes, None]:
        """Run a statement and yield the answer piece by piece, never holding more than one.

        Leaving the iteration early ends the statement in the store. Arguments and errors as for :meth:`raw`;
        an answer that breaks off in the middle raises StoreUnavailable.
        """
        # Threads of their own: a slow reader must not take one from the questions.
        body = await asyncio.to_thread(self._open_stream, statement, dict(parameters), settings, form)
        try:
            while piece := await asyncio.to_thread(body.read, _PIECE_BYTES):
                yield piece
        except (ClickHouseError, HTTPError, OSError) as error:
            raise self._translated(error) from error
        finally:
            body.close()

    async def check(self) -> None:
        """Ask ClickHouse for a sign of life; raises like :meth:`rows`."""
        await self.rows(STORES_ALIVE, {}, tuple[int])

    def close(self) -> None:
        """Wait for the questions that run, then disconnect."""
        self._threads.shutdown()
        self._control.shutdown()
        if self._client is not None:
            self._client.close()

    def _answer(
        self, statement: str, parameters: dict[str, Any], settings: Mapping[str, Any], form: str
    ) -> bytes:
        try:
            return self._connected().raw_query(statement, parameters, settings=dict(settings), fmt=form)
        except (ClickHouseError, HTTPError, OSError) as error:
            raise self._translated(error) from error

    def _kill(self, query_id: str, answer: "Future[bytes]") -> None:
        # Once may be too early: the query could be on its way still.
        while not answer.done():
            try:
                self._connected().command(_KILL, {"id": query_id})
            except (ClickHouseError, HTTPError, OSError) as error:
                # It ends at its limit of time then.
                _log.warning("query not killed", query_id=query_id, error=str(error).partition("\n")[0][:300])
                return
            wait([answer], timeout=_KILL_AGAIN_SECONDS)

    def _open_stream(
        self, statement: str, parameters: dict[str, Any], settings: Mapping[str, Any], form: str
    ) -> IOBase:
        together = {**self._settings, "cancel_http_readonly_queries_on_client_close": 1, **settings}
        try:
            body = self._connected().raw_stream(statement, parameters, settings=together, fmt=form)
        except (ClickHouseError, HTTPError, OSError) as error:
            raise self._translated(error) from error
        assert isinstance(body, IOBase)
        return body

    def _connected(self) -> Client:
        # Connecting asks the server for its settings, so it waits until there is a question.
        with self._connecting:
            if self._client is None:
                self._client = connect(self._url, timeout_seconds=self._limits.seconds + 5)
            return self._client

    def _translated(self, error: Exception) -> Exception:
        code = error.code if isinstance(error, Error) else None
        if code in _TOO_EXPENSIVE:
            return QueryTooExpensive(
                f"the question took more than the {self._limits.seconds:g} s or "
                f"{self._limits.memory_bytes >> 20} MiB that one may; ask for a shorter range, fewer events or no breakdown"
            )
        if code == _BAD_PATTERN:
            return InvalidParameter(
                "the store cannot compile one of the regular expressions; make it simpler"
            )
        if code == _CANCELLED:
            return StoreUnavailable("the question was cancelled in the analytics store; ask it again")
        # Without a code no server answered: the connection is what failed.
        if code is None or code in _AWAY:
            _log.warning("clickhouse away", error=str(error).partition("\n")[0][:300], code=code)
            return StoreUnavailable("the analytics store does not answer right now; try again in a moment")
        return error
