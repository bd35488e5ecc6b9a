"""Makes the data folder of a version, for the upgrade test of later ones.

    python -m tests.earlier_version.make TREE FILE

TREE is a checkout of that version; FILE a new `….tar.xz`. The folder is left as SIGKILL leaves it: with
open rollups, a database that was not shut down, and events that are in the event log and in no store.
"""

import json
import os
import random
import sys
import tarfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil

from tests.whole_stack import WholeStack, whole_stack

DAYS = (19, 20, 21)
EVENTS_A_DAY = 300
NOT_STORED = 100


def planned(chance: random.Random, day: int, count: int) -> list[dict[str, Any]]:
    """Events of a day of November 2026."""
    return [
        {
            "event_id": str(UUID(int=chance.getrandbits(128), version=4)),
            "event": chance.choice(["view", "buy"]),
            "distinct_id": f"u{number % 40}",
            "timestamp": f"2026-11-{day}T{chance.randrange(24):02}:{chance.randrange(60):02}:00Z",
            "session_id": f"s{number % 60}",
            "properties": {"plan": chance.choice(["free", "pro"]), "price": number},
        }
        for number in range(count)
    ]


def send(stack: WholeStack, events: list[dict[str, Any]]) -> None:
    """Send events over HTTP; all are acknowledged."""
    answer = httpx.post(
        f"http://127.0.0.1:{stack.gateway_port}/v1/batch",
        json={"events": events},
        headers={"Authorization": f"Bearer {stack.write_key}"},
        timeout=60,
    )
    assert answer.json() == {"accepted": len(events)}, answer.text


def verify(stack: WholeStack) -> dict[str, Any]:
    """Compare the stores."""
    verdict: dict[str, Any] = json.loads(stack.smolhog("verify", "--from", "2026-11-01", "--json").stdout)
    return verdict


def store_and_kill(stack: WholeStack) -> list[dict[str, Any]]:
    """Have most events stored, and some in the log only; returns all of them."""
    chance = random.Random(1)
    events = [event for day in DAYS for event in planned(chance, day, EVENTS_A_DAY)]
    send(stack, events)
    while (verdict := verify(stack))["raw_events"] < len(events) or verdict["difference"]:
        pass
    processes = psutil.Process(stack.process.pid).children(recursive=True)
    psutil.Process(stack.process.pid).suspend()
    stack.child("dataflow").kill()
    last = planned(chance, DAYS[-1] + 1, NOT_STORED)
    send(stack, last)
    stack.process.kill()
    # The stack's watchdog ends them, too, in a while.
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes)
    return events + last


def main() -> None:
    """Make the file."""
    tree, file = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
    os.environ["PYTHONPATH"] = os.pathsep.join((str(tree), str(tree / "sdk" / "python")))
    os.chdir(tree)
    with whole_stack() as stack:
        events = store_and_kill(stack)
        sent = json.dumps({"write_key": stack.write_key, "events": events}).encode()
        with tarfile.open(file, "x:xz", preset=9) as archive:
            header = tarfile.TarInfo("sent.json")
            header.size = len(sent)
            archive.addfile(header, BytesIO(sent))
            archive.add(stack.environment["SMOLHOG_DATA"], "data", filter=_kept)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if member.name == "data/logs" else member


if __name__ == "__main__":
    main()
