"""A process that appends to an embedded log and prints each message once it is acknowledged.

Arguments: the folder, a name for its messages, how many to append, and optionally the number of
bytes that its files may have at first (after the first refusal the limit is lifted).
"""

import asyncio
import resource
import sys
from pathlib import Path

import structlog

from event_log.errors import EventLogUnavailable
from event_log.sqlite import SQLiteEventLog


async def append_all(log: SQLiteEventLog, name: str, count: int) -> None:
    """Append in eight lanes, so that group commit has something to group."""
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            body = f"{name}:{number}"
            await log.append(0, body.encode())
            print(body, flush=True)  # noqa: T201 - the acknowledgement that the test reads

    await asyncio.gather(*(lane() for _ in range(8)))


async def append_on_a_small_disk(log: SQLiteEventLog, most_bytes: int) -> None:
    """Append until the file limit refuses, lift the limit, and append again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    number = 0
    try:
        while True:
            await log.append(0, b"%d:" % number + b"x" * 10_000)
            number += 1
    except EventLogUnavailable:
        print(f"refused {number}", flush=True)  # noqa: T201 - as above
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await log.append(0, b"after")
    print("recovered", flush=True)  # noqa: T201 - as above


async def main() -> None:
    """Do what the arguments say."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    folder, name, count, *limit = sys.argv[1:]
    log = await SQLiteEventLog.open(Path(folder), partitions=1)
    if limit:
        await append_on_a_small_disk(log, int(limit[0]))
    else:
        await append_all(log, name, int(count))
    await log.close()


if __name__ == "__main__":
    asyncio.run(main())
