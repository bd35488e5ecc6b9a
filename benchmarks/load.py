"""A load generator: one process, several connections, batches as fast as they are acknowledged.

Makes its events first, says ``ready``, and starts when a line comes in; prints what it measured as
one line of JSON.
"""

import argparse
import asyncio
import json
import sys
import time

import uvloop

from benchmarks.traffic import shop_events
from smolhog_client import Client, Event


async def _send(client: Client, batches: list[list[Event]], in_flight: int) -> tuple[int, int]:
    accepted = 0
    rejected = 0
    waiting = iter(batches)

    async def one_after_the_other() -> None:
        nonlocal accepted, rejected
        for batch in waiting:
            result = await client.send_batch(batch)
            accepted += result.accepted
            rejected += len(result.rejected)

    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
    return accepted, rejected


async def _run(options: argparse.Namespace) -> dict[str, float]:
    share = options.events // options.connections
    work = []
    for connection in range(options.connections):
        events = list(shop_events(share, options.seed * 1_000 + connection))
        work.append([events[begin : begin + options.batch] for begin in range(0, share, options.batch)])
    clients = [
        Client(options.url, write_key=options.key, batch_events=options.batch, queue_events=100_000)
        for _ in work
    ]
    for client in clients:
        await client.open()
        await client.ready()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began = time.time()
    results = await asyncio.gather(
        *(_send(client, batches, options.in_flight) for client, batches in zip(clients, work, strict=True))
    )
    ended = time.time()
    for client in clients:
        await client.close()
    return {
        "began": began,
        "ended": ended,
        "accepted": sum(result[0] for result in results),
        "rejected": sum(result[1] for result in results),
        "cpu_seconds": time.process_time(),
    }


def main() -> None:
    """Run as ``python -m benchmarks.load``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    print(json.dumps(uvloop.run(_run(parser.parse_args()))))


if __name__ == "__main__":
    main()
