"""Sends the rows of one file: chunks in order, some of them at once, settled in order."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from smolhog.import_columns import Fault
from smolhog.import_errors import GatewayAwayError
from smolhog.import_files import InputFile, Row
from smolhog.import_journal import Journal, Progress
from smolhog.import_options import ImportOptions, ImportProgress
from smolhog.import_rejects import RejectedRow, Rejects
from smolhog_client import BatchResult, Client, ClientError, Event

_CHUNK_ROWS = 500
_CHUNKS_IN_FLIGHT = 16
_JOURNAL_SECONDS = 1.0
_SHOWN = 4096
"""Characters of a rejected row that are kept."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows sent together: the events among them, and those that are none."""

    rows: list[Row]
    """Of ``events``, in the same order."""
    events: list[Event]
    faults: list[RejectedRow]
    last_row: int
    bytes_done: int


class Sending:
    """One pass over a file, from the first unsettled row on.

    ``progress`` only ever covers rows that are settled, with no gap; it is what the journal gets, at
    intervals and at the end, whatever the end is.
    """

    def __init__(
        self,
        file: InputFile,
        build: Callable[[Row], Event | Fault],
        journal: Journal,
        before: Progress,
        rejects: Rejects,
        on_progress: Callable[[ImportProgress], None],
    ) -> None:
        self.progress = replace(before, rejects_bytes=rejects.bytes)
        self._file = file
        self._build = build
        self._journal = journal
        self._rejects = rejects
        self._on_progress = on_progress
        self._written = self.progress
        self._written_at = time.monotonic()
        self._in_flight: deque[tuple[_Chunk, asyncio.Task[BatchResult]]] = deque()

    async def run(self, options: ImportOptions) -> None:
        """Send everything that is not settled.

        Raises:
            GatewayAwayError: no gateway answered within ``connect_seconds``. One that goes away
                later is waited for.
            GatewayRefusedError: it will not take our events.
            UnreadableFileError: the file turned out damaged.
        """
        client = Client(
            options.url,
            write_key=options.write_key,
            batch_events=_CHUNK_ROWS,
            max_in_flight=_CHUNKS_IN_FLIGHT,
            on_rejected=_named_in_the_result,
            close_timeout=2.0,
        )
        await client.open()
        try:
            await _wait_until_connected(client, options)
            for chunk in self._chunks(after_row=self.progress.row):
                self._in_flight.append((chunk, asyncio.create_task(client.send_batch(chunk.events))))
                if len(self._in_flight) >= _CHUNKS_IN_FLIGHT:
                    await self._settle_first(client)
            while self._in_flight:
                await self._settle_first(client)
            self.progress = replace(self.progress, finished=True)
        finally:
            await self._stop(client)

    async def _settle_first(self, client: Client) -> None:
        chunk, task = self._in_flight[0]
        while not task.done():
            # Wakes up now and then, so that a gateway that is away is seen to be.
            await asyncio.wait([task], timeout=0.5)
            if not client.connected:
                self._report(chunk.bytes_done, connected=False)
            self._keep_journal()
        result = task.result()
        self._in_flight.popleft()
        self._settle(chunk, result)
        self._keep_journal()

    def _keep_journal(self) -> None:
        """Write the journal if it is behind, at intervals: each write is two fsyncs."""
        now = time.monotonic()
        if self.progress != self._written and now - self._written_at >= _JOURNAL_SECONDS:
            self._journal.write(self.progress)
            self._written, self._written_at = self.progress, now

    async def _stop(self, client: Client) -> None:
        """Take the acks that are still under way, then write down where we are."""
        try:
            # What could not be delivered is not in the progress; the next run sends it.
            with contextlib.suppress(ClientError):
                await client.close()
            tasks = [task for _, task in self._in_flight]
            if tasks:
                await asyncio.wait(tasks)
            failed = False
            for chunk, task in self._in_flight:
                failed = task.exception() is not None or failed
                if not failed:
                    self._settle(chunk, task.result())
        finally:
            self._journal.write(self.progress)

    def _settle(self, chunk: _Chunk, result: BatchResult) -> None:
        rejected = [
            *chunk.faults,
            *(
                RejectedRow(row.number, row.line, verdict.code, verdict.message, _shown(row))
                for verdict in result.rejected
                for row in (chunk.rows[verdict.index],)
            ),
        ]
        self._rejects.add(sorted(rejected, key=lambda row: row.row))
        self.progress = replace(
            self.progress,
            row=chunk.last_row,
            stored=self.progress.stored + result.accepted,
            rejected=self.progress.rejected + len(rejected),
            rejects_bytes=self._rejects.bytes,
        )
        self._report(chunk.bytes_done, connected=True)

    def _report(self, bytes_done: int, *, connected: bool) -> None:
        self._on_progress(
            ImportProgress(
                "sending",
                bytes_done,
                self._file.size,
                self.progress.stored,
                self.progress.rejected,
                connected=connected,
            )
        )

    def _chunks(self, after_row: int) -> Iterator[_Chunk]:
        rows = (row for row in self._file.rows() if row.number > after_row)
        while taken := list(islice(rows, _CHUNK_ROWS)):
            good: list[Row] = []
            events: list[Event] = []
            faults: list[RejectedRow] = []
            for row in taken:
                built = self._build(row)
                if isinstance(built, Fault):
                    faults.append(
                        RejectedRow(row.number, row.line, "unreadable_row", built.message, _shown(row))
                    )
                else:
                    good.append(row)
                    events.append(built)
            yield _Chunk(good, events, faults, taken[-1].number, self._file.position)


async def _wait_until_connected(client: Client, options: ImportOptions) -> None:
    try:
        async with asyncio.timeout(options.connect_seconds):
            await client.ready()
    except TimeoutError as error:
        raise GatewayAwayError(
            f"no gateway answers at {options.url} ({client.last_failure or 'no answer'}): "
            "start one with `smolhog up`, or give its address with --url"
        ) from error


def _named_in_the_result(_: object) -> None:
    """Take a rejected event that ``send_batch`` names too."""


def _shown(row: Row) -> str:
    if row.values is None:
        return row.raw
    return json.dumps(row.values, ensure_ascii=False, default=str)[:_SHOWN]
