"""A pipeline as a first version has it: one message an event, one INSERT an event, prefetch 1.

Same broker, same PostgreSQL, same table with the same indexes. It has no gateway, no deduplication, no
context and no rollups, all of which would only make it slower.

Run as a program it is the consumer, in a process of its own:
``python -m benchmarks.baselines.row_at_a_time AMQP_URL POSTGRES_URL EVENTS``.
"""

import asyncio
import contextlib
import json
import sys
import time

import aio_pika
import psycopg

from benchmarks.results import Group, LossCheck, Result
from benchmarks.services import StoreUrls
from benchmarks.traffic import encoded_events
from schemas.stored import StoredBatch
from sinks.postgres.writer import PostgresWriter

_QUEUE = "bench.rows"
_INSERT = """
INSERT INTO events (
    project_id, event_id, event, distinct_id, timestamp, received_at, session_id, properties, context,
    source, log_id, log_partition, log_offset
) VALUES (1, %s, %s, %s, %s, now(), %s, %s, '{}', 'bench', 1, 0, 0) ON CONFLICT DO NOTHING
"""


async def measure_row_at_a_time(urls: StoreUrls, amqp_url: str, events: int) -> Result:
    """Publish events one by one while a consumer stores them one by one.

    Args:
        urls: fresh databases.
        amqp_url: a running broker.
        events: how many.
    """
    made = [encoded for encoded, _ in encoded_events(events, seed=1)]
    # Rows of the last minutes: the sink has made today's table once it has written anything.
    await asyncio.to_thread(_make_day_partitions, urls)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(_QUEUE, durable=True)
        consumer = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", __name__, amqp_url, urls.postgres, str(events)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert consumer.stdout is not None
            await consumer.stdout.readline()
            began = time.perf_counter()
            for body in made:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, routing_key=_QUEUE)
            status = await consumer.wait()
            seconds = time.perf_counter() - began
        finally:
            with contextlib.suppress(ProcessLookupError):
                consumer.kill()
            await consumer.wait()
            await channel.queue_delete(_QUEUE)
    if status != 0:
        raise RuntimeError("the consumer of the baseline failed")
    with psycopg.connect(urls.postgres) as postgres:
        row = postgres.execute("SELECT count(DISTINCT event_id) FROM events").fetchone()
    assert row is not None
    return Result(
        name="row-at-a-time",
        title="One message, one INSERT an event",
        group=Group.BASELINE,
        events=events,
        seconds=seconds,
        checks=(LossCheck("distinct ids in PostgreSQL", events, int(row[0])),),
        settings={"prefetch": 1},
    )


def _make_day_partitions(urls: StoreUrls) -> None:
    today = int(time.time() // 86_400)
    writer = PostgresWriter(urls.postgres, 2, 0)
    try:
        writer.write([StoredBatch([], frozenset({today - 1, today}), [], 1, None)])
    finally:
        writer.close()


async def _consume(amqp_url: str, postgres_url: str, events: int) -> None:
    async with (
        await aio_pika.connect(amqp_url) as connection,
        await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as postgres,
    ):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        queue = await channel.declare_queue(_QUEUE, durable=True)
        print("ready", flush=True)
        async with queue.iterator() as arriving:
            async for message in arriving:
                event = json.loads(message.body)
                await postgres.execute(
                    _INSERT,
                    [
                        event["event_id"],
                        event["event"],
                        event["distinct_id"],
                        event["timestamp"],
                        event.get("session_id"),
                        json.dumps(event["properties"]),
                    ],
                )
                await message.ack()
                events -= 1
                if events == 0:
                    break


if __name__ == "__main__":
    asyncio.run(_consume(sys.argv[1], sys.argv[2], int(sys.argv[3])))
