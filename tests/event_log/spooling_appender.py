"""A process that appends over a spool and prints each message once it is acknowledged.

Arguments: the broker's URL, its queue prefix, the spool's folder, how many messages to append.
"""

import asyncio
import sys
from pathlib import Path

from event_log.rabbitmq import RabbitMQEventLog
from event_log.spool import SpooledEventLog


async def main() -> None:
    """Append one message after the other."""
    url, prefix, folder, count = sys.argv[1:]

    async def open_broker() -> RabbitMQEventLog:
        return await RabbitMQEventLog.open(
            url, partitions=1, prefix=prefix, publish_timeout=1.0, reconnect_delay=0.05
        )

    log = await SpooledEventLog.open(open_broker, Path(folder), partitions=1, capacity_bytes=64 * 1024 * 1024)
    for number in range(int(count)):
        await log.append(0, b"%d" % number)
        print(number, flush=True)  # noqa: T201 - the acknowledgement that the test reads
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
