"""Fail when a hot path does clearly more work for an event than it does now. No clock decides.

What is counted is the same on every machine and in every run, or nearly so: function calls, objects,
bytes. Only the last guard compares times, CPU times of one thread taken in turns, and is generous.

A bound that fails after a change for the better elsewhere may be raised; one that has become loose
should be lowered.
"""

import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.messages import Steps, log_messages, with_offsets
from benchmarks.stages.windows import compare_windows, decoded_events
from benchmarks.traffic import batch_frames
from event_log.port import Message
from ingest_gateway.native import NativeDecoder
from ingest_gateway.vendors import judging, posthog, reading
from ingest_gateway.vendors.opened import VendorRequest
from schemas.limits import Limits

_EVENTS = 4_000
_BATCH = 100
_KEY = "sh_w_" + "a" * 40


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """Frames of `_EVENTS` events."""
    return batch_frames(_EVENTS, _BATCH, seed=1).frames


@pytest.fixture(scope="module")
def messages() -> dict[int, list[Message]]:
    """Messages of the log that hold `_EVENTS` events, by partition."""
    return {partition: with_offsets(bodies) for partition, bodies in log_messages(_EVENTS).items()}


def _decode_all(frames: list[bytes]) -> list[Any]:
    decoder = NativeDecoder(Limits(), lambda: "no event comes without an id")
    return [decoder.decode_frame(frame) for frame in frames]


def _posthog_body(frame: bytes) -> bytes:
    """Write a frame's events as PostHog's SDKs do."""
    sent = json.loads(frame)
    events = [
        {name if name != "event_id" else "uuid": value for name, value in event.items()}
        for event in sent["events"]
    ]
    for event in events:
        event["properties"] |= {
            "$lib": "posthog-python",
            "$lib_version": "7.0.0",
            "$groups": {"company": "acme"},
        }
    return json.dumps({"api_key": _KEY, "batch": events, "sent_at": sent.get("sent_at")}).encode()


def _take_all(bodies: list[bytes]) -> list[Any]:
    now = datetime.now(UTC)
    taken: list[Any] = []
    for body in bodies:
        request = VendorRequest("/batch", {}, {}, body, now, len(body), lambda key: key == _KEY)
        opened = posthog.open_posthog(request)
        taken.append(judging.judge_request(opened, 1, Limits(), lambda: "no event comes without an id", _KEY))
        assert sum(len(part.batch.events) for part in taken[-1]) == _BATCH
    return taken


def _process_all(messages: dict[int, list[Message]], folder: Path) -> Callable[[], list[Any]]:
    """Return what takes all messages through the steps; the index is opened before."""
    steps = {partition: Steps(folder / str(partition), partition) for partition in messages}

    def process() -> list[Any]:
        # Counting is put off until numbers are asked for, so they are.
        return [each.with_rollups(each.process(messages[partition])) for partition, each in steps.items()]

    return process


def _calls(work: Callable[[], object]) -> int:
    """Count the functions that are called, Python's and C's."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def _objects(make: Callable[[], object]) -> int:
    """Count the blocks of memory that what is made holds on to."""
    made = make()  # fills caches
    del made
    gc.collect()
    before = sys.getallocatedblocks()
    made = make()
    held = sys.getallocatedblocks() - before
    del made
    return held


def _peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        made = work()
        _, peak = tracemalloc.get_traced_memory()
        del made
        return peak - before
    finally:
        tracemalloc.stop()


def _cpu_seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def test_the_gateway_calls_few_functions_for_an_event(frames: list[bytes]) -> None:
    """Decoding and checking a frame takes a bounded number of calls for each of its events."""
    assert _calls(partial(_decode_all, frames)) / _EVENTS < 32


def test_the_gateway_makes_few_objects_for_an_event(frames: list[bytes]) -> None:
    """A decoded event is its struct and its fields, and nothing that is kept beside them."""
    assert _objects(partial(_decode_all, frames)) / _EVENTS < 10


def test_the_gateway_calls_few_functions_for_an_event_of_another_vendors_sdk(
    frames: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So few for PostHog's, and at most a third of those that events take which are read one by one."""
    bodies = [_posthog_body(frame) for frame in frames]
    take = partial(_take_all, bodies)
    take()  # fills caches
    calls = _calls(take) / _EVENTS
    assert calls < 95
    monkeypatch.setattr(reading, "read_whole", lambda *_: None)
    monkeypatch.setattr(judging, "encode_sound", lambda *_: None)
    monkeypatch.setattr(judging, "has_sound_fields", lambda *_: False)
    assert calls < _calls(take) / _EVENTS / 3


def test_the_dataflow_calls_few_functions_for_an_event(
    messages: dict[int, list[Message]], tmp_path: Path
) -> None:
    """All steps together take a bounded number of calls for each event."""
    _process_all(messages, tmp_path / "first")()  # fills caches
    assert _calls(_process_all(messages, tmp_path / "second")) / _EVENTS < 160


def test_the_dataflow_needs_little_memory_for_an_event(
    messages: dict[int, list[Message]], tmp_path: Path
) -> None:
    """What is in memory for an event while a message is processed stays within a few times its own bytes."""
    _process_all(messages, tmp_path / "first")()
    size = sum(len(message.body) for held in messages.values() for message in held)
    assert _peak_bytes(_process_all(messages, tmp_path / "second")) / size < 15


def test_the_hot_paths_take_few_times_as_long_as_reading_the_json(
    frames: list[bytes], messages: dict[int, list[Message]], tmp_path: Path
) -> None:
    """Gateway and dataflow are measured against the standard library decoding the same bytes, in turns."""
    bodies = [message.body for held in messages.values() for message in held]
    json_seconds, gateway_seconds, dataflow_seconds = [], [], []
    for number in range(5):
        json_seconds.append(_cpu_seconds(lambda: [json.loads(body) for body in bodies]))
        gateway_seconds.append(_cpu_seconds(partial(_decode_all, frames)))
        dataflow_seconds.append(_cpu_seconds(_process_all(messages, tmp_path / str(number))))
        json_seconds.append(_cpu_seconds(lambda: [json.loads(body) for body in bodies]))
    assert min(gateway_seconds) / min(json_seconds) < 5
    assert min(dataflow_seconds) / min(json_seconds) < 50


def test_the_windows_of_the_kit_are_much_cheaper_than_those_of_bytewax() -> None:
    """The same counts from the same events, for less than a fifth of the CPU time; three times that is usual."""
    comparison = compare_windows(decoded_events(10_000))
    assert comparison.kit_counts == comparison.fold_counts
    assert comparison.kit_counts.total() == comparison.events
    assert comparison.ratio > 5
