"""Decoding and processing alone, on one core, without any service."""

import tempfile
from pathlib import Path

import msgspec

from benchmarks.messages import Steps, items, log_messages, with_offsets
from benchmarks.results import Group, LossCheck, Result
from benchmarks.rounds import Best, seconds_of
from benchmarks.traffic import batch_frames
from event_log.port import Message
from ingest_gateway.batch import DecodedBatch
from ingest_gateway.native import NativeDecoder
from schemas.limits import Limits
from schemas.stored import StoredBatch
from schemas.wire import Batch


def measure_wire_decode(events: int, batch: int, rounds: int) -> list[Result]:
    """Decode frames as the gateway does, and as msgspec alone does, which checks nothing.

    Args:
        events: in all frames.
        batch: events in a frame.
        rounds: of which the best counts.
    """
    frames = batch_frames(events, batch, seed=1).frames
    decoder = NativeDecoder(Limits(), lambda: "")
    bare = msgspec.json.Decoder(Batch)
    found: dict[str, int] = {}

    def by_gateway() -> None:
        found["gateway"] = 0
        for frame in frames:
            decoded = decoder.decode_frame(frame)
            assert isinstance(decoded, DecodedBatch)
            found["gateway"] += len(decoded.events)

    def by_msgspec() -> None:
        found["msgspec"] = sum(len(bare.decode(frame).events) for frame in frames)

    return [
        Result(
            name=name,
            title=title,
            group=group,
            events=events,
            seconds=min(seconds_of(work) for _ in range(rounds)),
            checks=(LossCheck("events decoded", events, found[who]),),
            settings={"batch": batch},
        )
        for name, title, group, who, work in (
            ("decode-msgspec", "Frames decoded by msgspec alone", Group.CEILING, "msgspec", by_msgspec),
            ("decode-wire", "Frames decoded and checked", Group.STAGE, "gateway", by_gateway),
        )
    ]


def measure_steps(events: int, rounds: int) -> Result:
    """Take the messages of all partitions through the dataflow's steps, one partition after the other.

    Args:
        events: in all messages.
        rounds: of which the best counts.
    """
    messages = {partition: with_offsets(bodies) for partition, bodies in log_messages(events).items()}
    best = Best()
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="smolhog-bench-") as folder:
            best.add(_steps_once(messages, events, Path(folder)))
    (result,) = best.results
    return result


def _steps_once(messages: dict[int, list[Message]], events: int, folder: Path) -> Result:
    batches: list[StoredBatch] = []

    def work() -> None:
        for partition, held in messages.items():
            steps = Steps(folder / str(partition), partition)
            try:
                batches.extend(steps.process(item) for item in items(held))
                # Counting is put off until numbers are asked for, so they must be.
                batches[-1] = steps.with_rollups(batches[-1])
            finally:
                steps.close()

    seconds = seconds_of(work)
    rows = sum(message.events for batch in batches for message in batch.messages)
    return Result(
        name="steps",
        title="Dataflow steps: decode, dedup, context, rollups, rows",
        group=Group.STAGE,
        events=events,
        seconds=seconds,
        checks=(LossCheck("rows for the stores", events, rows),),
    )
