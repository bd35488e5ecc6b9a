"""Imports a file of events through the gateway: in order, pipelined, and resumable.

The journal knows the row up to which all are settled. What a crash sends again has the same event
ids, so it is no second event.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from smolhog.import_columns import Columns, event_builder
from smolhog.import_errors import ColumnsError, UnreadableFileError
from smolhog.import_files import InputFile
from smolhog.import_journal import Journal, Progress, import_name
from smolhog.import_options import ImportOptions, ImportProgress, ImportReport
from smolhog.import_rejects import Rejects
from smolhog.import_sending import Sending
from smolhog.import_vendors import ImportFormat, format_of_rows, vendor_builder

__all__ = ["ImportOptions", "ImportProgress", "ImportReport", "import_file"]


async def import_file(
    options: ImportOptions, *, on_progress: Callable[[ImportProgress], None]
) -> ImportReport:
    """Import one file; cancelling stops it cleanly, and the next call goes on.

    Args:
        options: what, how and where to.
        on_progress: called often, from this task; it must not block.

    Raises:
        ImportStoppedError: the file or its columns cannot be used, or the gateway is away.
        GatewayRefusedError: the gateway will not take our events; ``Unauthorized`` for a wrong key.
    """
    started = time.monotonic()
    vendor = _vendor_of(options)
    with InputFile(options.file) as file:
        content_hash = await _hash_of(file, on_progress)
    name = import_name(content_hash, options.url, options.write_key, options.reading(vendor))
    journal = Journal(options.state, name)
    before = Progress() if options.restart else journal.read()
    rejects_file = options.state / f"{name}.rejects.jsonl" if options.write_rejects else None
    rejects = Rejects(rejects_file, before.rejects_bytes)
    done = before
    if not before.finished:
        columns = Columns(content_hash, options.mapped, options.numbers, options.zone)
        with InputFile(options.file) as file:
            build = (
                event_builder(columns)
                if vendor == "columns"
                else vendor_builder(vendor, columns, options.file.name)
            )
            sending = Sending(file, build, journal, before, rejects, on_progress)
            await sending.run(options)
        done = sending.progress
    return ImportReport(
        stored=done.stored,
        rejected=done.rejected,
        settled_before=before.stored + before.rejected,
        already_imported=before.finished,
        first_rejected=tuple(rejects.first),
        rejects_file=_if_filled(rejects_file),
        content_hash=content_hash,
        seconds=time.monotonic() - started,
        vendor=vendor,
    )


def _vendor_of(options: ImportOptions) -> ImportFormat:
    """Tell whose export the file is, and see that it can be read as such.

    Raises:
        ColumnsError: the columns do not say what events need, or options do not go together.
    """
    vendor = options.vendor
    with InputFile(options.file) as file:
        header = file.header()
        if vendor == "auto":
            first = next(file.rows(), None)
            found = format_of_rows(options.file.name, header, first.values if first is not None else None)
            # Who says which column is what knows better.
            vendor = "columns" if options.mapped or options.numbers else found
        if vendor == "columns":
            Columns("", options.mapped, options.numbers, options.zone).check(header)
        elif options.mapped or options.numbers:
            raise ColumnsError(f"--map and --numbers are for files of your own, not for exports of {vendor}")
        elif (vendor == "plausible") != (header is not None):
            kind = "CSV" if vendor == "plausible" else "JSON lines"
            raise ColumnsError(f"an export of {vendor} is a file of {kind}")
    return vendor


async def _hash_of(file: InputFile, on_progress: Callable[[ImportProgress], None]) -> str:
    for digest in file.digests():
        if digest:
            return digest
        on_progress(ImportProgress("hashing", file.position, file.size))
        # Lets a Ctrl-C through between two chunks.
        await asyncio.sleep(0)
    raise UnreadableFileError(f"{file.path} could not be read to its end")


def _if_filled(path: Path | None) -> Path | None:
    return path if path is not None and path.stat().st_size else None
