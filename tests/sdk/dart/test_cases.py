"""The wire cases that every SDK shares, sent by the Dart SDK to a live gateway."""

import asyncio
import json
from pathlib import Path

from tests.ingest_gateway.running import KEY, gateway_over_sqlite, stored_in
from tests.ingest_gateway.wire_cases import wire_cases
from tests.sdk.dart.dart_vm import HERE, DartVm


async def test_the_shared_cases_get_their_verdicts(dart: DartVm, tmp_path: Path) -> None:
    """Every case that text can carry, as it is: verdicts, errors and what is stored are as stated."""
    cases = [case for case in wire_cases() if case.frame.decode(errors="ignore").encode() == case.frame]
    assert len(cases) > 100
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([{"name": case.name, "input": case.frame.decode()} for case in cases]))
    async with gateway_over_sqlite(tmp_path / "log") as gateway:
        finished = await asyncio.to_thread(
            dart.run, HERE / "cases_app.dart", str(gateway.port), KEY, str(file)
        )
    assert finished.returncode == 0, finished.stderr
    answers = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [answer["name"] for answer in answers] == [case.name for case in cases]
    for case, answer in zip(cases, answers, strict=True):
        assert answer.get("error") == case.error, case.name
        if case.error is None:
            wanted = [{key: verdict[key] for key in ("index", "result", "code")} for verdict in case.verdicts]
            assert (answer["verdicts"], answer["accepted"]) == (wanted, len(case.events)), case.name
    batches = await stored_in(tmp_path / "log")
    assert sum(len(batch.events) for batch in batches) == sum(len(case.events) for case in cases)
