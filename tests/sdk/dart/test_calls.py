"""Small whole programs in Dart against a live gateway: every call, and the quick start of the page of SDKs."""

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import UUID

from schemas.envelope import LogEvent
from tests.ingest_gateway.running import KEY, gateway_over_sqlite, stored_in
from tests.sdk.dart.dart_vm import HERE, REPOSITORY, DartVm
from tests.sdk.dart.ledger import properties_of

DEVICE = {"$lib", "$lib_version", "$os", "$os_version", "$locale"}
"""What the SDK adds by itself."""


async def _stored(folder: Path) -> list[LogEvent]:
    return [event for batch in await stored_in(folder) for event in batch.events]


def _said(event: LogEvent) -> dict[str, Any]:
    return {name: value for name, value in properties_of(event).items() if name not in DEVICE}


async def test_every_call_arrives_under_its_canonical_name(dart: DartVm, tmp_path: Path) -> None:
    """Identity calls and screens are the events that the protocol's page gives a meaning; one user, one session."""
    async with gateway_over_sqlite(tmp_path / "log") as gateway:
        finished = await asyncio.to_thread(dart.run, HERE / "calls_app.dart", gateway.http, KEY)
    assert finished.returncode == 0, finished.stderr
    events = await _stored(tmp_path / "log")
    assert {event.distinct_id for event in events} == {"ada"}
    assert len({event.session_id for event in events}) == 1
    found = {event.event: _said(event) for event in events}
    assert UUID(found["$identify"].pop("$anon_distinct_id")).version == 7
    of_acme = {"$groups": {"company": "acme"}}
    assert found == {
        "$identify": {"$set": {"plan": "pro"}, "$set_once": {"first": 1}},
        "$create_alias": {"alias": "ada@example.com"},
        "$groupidentify": {
            "$group_type": "company",
            "$group_key": "acme",
            "$group_set": {"size": 3},
            **of_acme,
        },
        "$screen": {"$screen_name": "Home", "tab": 2, **of_acme},
        "clicked": {"region": "eu", "n": 1, **of_acme},
        "left": of_acme,
    }


async def test_the_quick_start_does_what_it_says(dart: DartVm, tmp_path: Path) -> None:
    """The page's five lines and a brace, with a real address and key, are a whole program."""
    page = (REPOSITORY / "docs" / "sdks.md").read_text()
    (source,) = re.findall(r"```dart\n(.*?)```", page, re.DOTALL)
    assert len([line for line in source.splitlines() if line.strip(" }")]) <= 5
    program = tmp_path / "quick_start.dart"
    async with gateway_over_sqlite(tmp_path / "log") as gateway:
        assert source.count("http://127.0.0.1:8400") == source.count("sh_w_…") == 1
        program.write_text(source.replace("http://127.0.0.1:8400", gateway.http).replace("sh_w_…", KEY))
        finished = await asyncio.to_thread(dart.run, program)
    assert finished.returncode == 0, finished.stderr
    (signup,) = await _stored(tmp_path / "log")
    assert (signup.event, _said(signup)) == ("signup", {"plan": "pro"})
