"""ClickHouse's HTTP interface over the embedded engine, as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smolhog.embedded.clickhouse_admission import Admission
from smolhog.embedded.clickhouse_body import decoded, read_head, until_gone, whole
from smolhog.embedded.clickhouse_compression import encoder
from smolhog.embedded.clickhouse_engine import STREAMED_FORMATS, Answer, Engine, Session
from smolhog.embedded.clickhouse_headers import answer_headers, exception_response
from smolhog.embedded.clickhouse_request import QueryRequest, check_credentials, parse_request, put_form
from smolhog.embedded.clickhouse_sql import DataInsert, Statement, describe, put_kill_target
from smolhog.embedded.clickhouse_stream import QueryStream, next_block
from smolhog.embedded.errors import QueryError
from smolhog.embedded.loopback import refusal

_log = structlog.get_logger()
_T = TypeVar("_T")

# Rows go to the engine in pieces of about this size: fewer thread hops than the network's 64 KiB.
_INSERT_PIECE_BYTES = 1 << 20
_CLIENT_CLOSED_REQUEST = 499


_SELECTS = ("SELECT", "WITH", "FROM")


@dataclass(slots=True)
class _Running:
    """A statement on its way through a worker thread, which fills in the second half."""

    asked: QueryRequest
    sql: str
    form: str
    streams: bool
    reads: bool = False
    session: Session | None = None
    blocks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    first: bytes = b""


class ClickHouseInterface:
    """The application: one instance serves one engine.

    Args:
        engine: opened by the caller, closed by `close`.
        password: of the user `default`; None lets every password in.
        concurrency: queries that run at a time; as many threads work for the engine.
        backlog: queries that may wait for a turn; one more is refused with code 202.
    """

    def __init__(
        self, engine: Engine, *, password: str | None = None, concurrency: int = 16, backlog: int = 256
    ) -> None:
        self._engine = engine
        self._password = password
        self._admission = Admission(concurrency, backlog)
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix="engine")
        # Kills must get through when every worker is busy.
        self._control = ThreadPoolExecutor(1, thread_name_prefix="control")
        self.app = Starlette(
            routes=[
                Route("/", self._query, methods=["GET", "POST"]),
                Route("/ping", self._ping, methods=["GET", "HEAD"]),
            ]
        )

    def close(self) -> None:
        """Wait for what runs, then stop the engine."""
        self._control.shutdown()
        self._workers.shutdown()
        self._engine.close()

    async def _ping(self, request: Request) -> Response:
        why = refusal(request.client.host if request.client else None, request.headers)
        return PlainTextResponse(f"{why}\n", 403) if why else PlainTextResponse("Ok.\n")

    async def _query(self, request: Request) -> Response | QueryStream:
        why = refusal(request.client.host if request.client else None, request.headers)
        if why:
            return PlainTextResponse(f"{why}\n", 403)
        query_id = request.query_params.get("query_id", "")
        try:
            check_credentials(request.query_params, request.headers, self._password)
            asked = parse_request(request.method, request.query_params.multi_items(), request.headers)
            query_id = asked.query_id
            return await self._answer(request, asked)
        except QueryError as error:
            return exception_response(error, query_id, self._engine)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)

    async def _answer(self, request: Request, asked: QueryRequest) -> Response | QueryStream:
        body = decoded(request)
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            # `body` is exhausted by this, so the query is all in the form.
            asked = put_form(asked, content_type, await whole(body, b""))
        text = asked.query.encode(errors="surrogateescape") + b"\n" if asked.query else b""
        text, insert = await read_head(body, text)
        if insert is not None:
            return await self._insert(asked, insert, text[insert.data_start :], body)
        text = await whole(body, text)
        statement = describe(text)
        _refuse_unservable(statement)
        if statement.keyword == "KILL":
            killed = await self._in(self._control, self._run, asked, _sql(put_kill_target(text)))
            return self._finished(asked, statement.format, killed, reads=True)
        return await self._run_statement(request, asked, _sql(text), statement)

    async def _run_statement(
        self, request: Request, asked: QueryRequest, sql: str, statement: Statement
    ) -> Response | QueryStream:
        form = statement.format or asked.default_format
        running = _Running(
            asked=asked,
            sql=sql,
            form=form,
            streams=statement.keyword in _SELECTS and form in STREAMED_FORMATS and not asked.wait_end,
        )
        async with AsyncExitStack() as resources:
            await resources.enter_async_context(self._admission.turn(asked.query_id))
            departure = asyncio.create_task(until_gone(request.receive))
            departure.add_done_callback(partial(self._on_departure, running))
            resources.callback(departure.cancel)
            answer = await self._in(self._workers, self._start, running)
            if answer is None and running.session is not None:
                resources.push_async_callback(self._in, self._workers, running.session.close)
                following = partial(self._in, self._workers, next_block, running.blocks)
                return QueryStream(asked, form, self._engine, running.first, following, resources.pop_all())
        return self._finished(asked, statement.format, answer or Answer(b""), reads=running.reads)

    def _start(self, running: "_Running") -> Answer | None:
        """Run the statement to its end, or, when it streams, to its first block; then its session stays open."""
        asked = running.asked
        session = self._open(asked)
        try:
            statements, running.reads = session.classify(running.sql)
            if statements > 1:
                raise QueryError(
                    62,
                    "Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)",
                )
            if not (running.streams and running.reads):
                return session.run(running.sql, asked.default_format, asked.params)
            running.blocks = session.stream(running.sql, running.form, asked.params)
            running.first = next_block(running.blocks)
            running.session = session
            return None
        finally:
            if running.session is None:
                session.close()

    async def _insert(
        self, asked: QueryRequest, insert: DataInsert, data: bytes, body: AsyncIterator[bytes]
    ) -> Response:
        async with AsyncExitStack() as resources:
            await resources.enter_async_context(self._admission.turn(asked.query_id))
            session = await self._in(self._workers, self._open, asked)
            resources.push_async_callback(self._in, self._workers, session.close)
            rows = await self._in(self._workers, session.begin_insert, insert.statement, insert.format)
            resources.push_async_callback(self._in, self._workers, rows.cancel)
            pieces = [data]
            size = len(data)
            async for chunk in body:
                pieces.append(chunk)
                size += len(chunk)
                if size >= _INSERT_PIECE_BYTES:
                    await self._in(self._workers, rows.append, b"".join(pieces))
                    pieces, size = [], 0
            answer = await self._in(self._workers, rows.finish, b"".join(pieces))
        return self._finished(asked, None, answer, reads=False)

    def _open(self, asked: QueryRequest) -> Session:
        session = self._engine.session(asked.query_id)
        try:
            session.prepare(asked.database, asked.settings, read_only=asked.read_only)
        except QueryError:
            session.close()
            raise
        return session

    def _run(self, asked: QueryRequest, sql: str) -> Answer:
        with self._open(asked) as session:
            return session.run(sql, asked.default_format, asked.params)

    def _finished(
        self, asked: QueryRequest, named_format: str | None, answer: Answer, *, reads: bool
    ) -> Response:
        """A whole answer. Its format header tells a client that there is a result, even one of no rows."""
        body = answer.body
        form = (named_format or asked.default_format) if reads or body else None
        headers = answer_headers(asked.query_id, self._engine, form, answer)
        if asked.response_coding and body:
            frame = encoder(asked.response_coding)
            body = frame.compress(body) + frame.flush()
            headers["content-encoding"] = asked.response_coding
        return Response(body, headers=headers)

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[..., _T], *args: object) -> _T:
        """Run a blocking call to its end, even when the request is cancelled meanwhile: sessions are not shared."""
        future = asyncio.get_running_loop().run_in_executor(pool, call, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def _on_departure(self, running: "_Running", departure: "asyncio.Task[None]") -> None:
        """The client of a running query has left; called by the event loop, also when the watch ends unused."""
        if running.reads and running.asked.cancel_on_leave and not departure.cancelled():
            self._control.submit(self._kill, running.asked.query_id)

    def _kill(self, query_id: str) -> None:
        try:
            self._engine.kill(query_id)
        except QueryError as error:
            _log.warning("clickhouse_kill_failed", query_id=query_id, error=error.message)
        else:
            _log.info("clickhouse_client_left", query_id=query_id)


def _sql(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def _refuse_unservable(statement: Statement) -> None:
    """Refuse what must not reach the engine."""
    if statement.keyword == "":
        raise QueryError(
            62, "Code: 62. DB::Exception: Syntax error: failed at position 1: empty query. (SYNTAX_ERROR)"
        )
    if statement.writes_outfile or statement.reads_infile:
        raise QueryError(
            82,
            "Code: 82. DB::Exception: INTO OUTFILE and FROM INFILE are not allowed here. (INTO_OUTFILE_NOT_ALLOWED)",
        )
