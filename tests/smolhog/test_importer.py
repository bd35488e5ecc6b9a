"""Importing files through a gateway: once, twice, broken off, and with bad rows."""

import asyncio
import csv
import gzip
import json
import shutil
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smolhog.import_errors import ColumnsError, GatewayAwayError, UnreadableFileError
from smolhog.importer import ImportOptions, ImportProgress, ImportReport, import_file
from smolhog_client import Unauthorized
from tests.sdk.python.scripted_gateway import Peer, ScriptedGateway, scripted_gateway, store_everything

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT.parent / "shared" / "data" / "shop-clickstream.csv.gz"
SHOP_ROWS = 31_106

needs_shop = pytest.mark.skipif(not SHOP.exists(), reason="the shop clickstream data set is not here")


def ignore(_: ImportProgress) -> None:
    """Show no progress."""


def options_of(file: Path, gateway: ScriptedGateway, **options: Any) -> ImportOptions:
    """Import ``file`` with its state beside it."""
    return ImportOptions(file, "key", gateway.url, file.parent / "state", **options)


async def imported(text: str, tmp_path: Path, name: str = "events.csv", **options: Any) -> Any:
    """Import a small file; gives the report and the events that arrived."""
    file = tmp_path / name
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    async with scripted_gateway(store_everything) as gateway:
        report = await import_file(options_of(file, gateway, **options), on_progress=ignore)
    return report, [event for batch in gateway.batches for event in batch["events"]]


@needs_shop
async def test_the_shop_arrives_whole_in_order_and_with_identical_rows_apart(tmp_path: Path) -> None:
    """Every row is one event with its own id; the file has rows that are equal in all columns."""
    file = tmp_path / SHOP.name
    shutil.copy(SHOP, file)
    seen: list[ImportProgress] = []
    async with scripted_gateway(store_everything) as gateway:
        report = await import_file(options_of(file, gateway), on_progress=seen.append)
    assert (report.rows, report.stored, report.rejected) == (SHOP_ROWS, SHOP_ROWS, 0)
    assert len(set(gateway.event_ids)) == len(gateway.event_ids) == SHOP_ROWS
    arrived = [event for batch in gateway.batches for event in batch["events"]]
    with gzip.open(SHOP, "rt", newline="") as plain:
        rows = list(csv.DictReader(plain))
    assert max(Counter(tuple(row.values()) for row in rows).values()) > 1
    for row, event in zip(rows, arrived, strict=True):
        assert event["event"] == row.pop("event")
        assert event["distinct_id"] == row.pop("user_id")
        assert event["session_id"] == row.pop("session_id")
        assert event["timestamp"] == row.pop("timestamp").replace(" ", "T") + "Z"
        assert event["properties"] == row
    assert seen[-1].bytes_done == seen[-1].bytes_total
    assert seen[-1].stored == SHOP_ROWS


@needs_shop
async def test_the_same_content_under_another_name_gives_the_same_ids(tmp_path: Path) -> None:
    """Unpacked, renamed and imported from another folder, each row keeps its event id."""
    copy = tmp_path / "elsewhere" / "renamed.csv"
    copy.parent.mkdir()
    copy.write_bytes(gzip.decompress(SHOP.read_bytes()))
    packed = tmp_path / SHOP.name
    shutil.copy(SHOP, packed)
    async with scripted_gateway(store_everything) as gateway:
        first = await import_file(options_of(packed, gateway), on_progress=ignore)
        ids = set(gateway.event_ids)
        second = await import_file(options_of(copy, gateway), on_progress=ignore)
        assert set(gateway.event_ids) == ids
        assert len(gateway.event_ids) == 2 * SHOP_ROWS
        again = await import_file(options_of(packed, gateway), on_progress=ignore)
        assert again.already_imported
        assert (again.stored, again.settled_before) == (SHOP_ROWS, SHOP_ROWS)
        assert len(gateway.event_ids) == 2 * SHOP_ROWS
    assert first.content_hash == second.content_hash


@needs_shop
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_stopped_import_goes_on_where_it_stopped(tmp_path: Path, how: signal.Signals) -> None:
    """Killed or interrupted in the middle: the next run sends the rest, and no row is lost or doubled."""
    file = tmp_path / SHOP.name
    shutil.copy(SHOP, file)
    state = file.parent / "state"
    stuck = asyncio.Event()

    async def get_stuck(peer: Peer) -> None:
        await peer.welcome()
        for _ in range(30):
            await peer.ack(await peer.receive())
        stuck.set()
        while True:
            await peer.receive()

    program = "import typer; from smolhog.commands_import import import_command; typer.run(import_command)"
    async with scripted_gateway(get_stuck, store_everything) as gateway:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(file), "--key", "key", "--url", gateway.url, "--state", str(state),
            cwd=ROOT,
            env={"PYTHONPATH": ".:sdk/python", "COLUMNS": "200"},
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await asyncio.wait_for(stuck.wait(), 60)
            if how == signal.SIGKILL:
                # The journal is written at intervals.
                await _journal_of(state)
            process.send_signal(how)
            _, said = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert b"go on where it stopped" in said
        sent_before = len(gateway.event_ids)
        report = await import_file(options_of(file, gateway), on_progress=ignore)
        sent_now = len(gateway.event_ids) - sent_before
    assert report.stored == SHOP_ROWS
    assert report.settled_before == SHOP_ROWS - sent_now
    assert 0 < report.settled_before <= 30 * 500
    if how == signal.SIGINT:
        assert report.settled_before == 30 * 500
    assert len(set(gateway.event_ids)) == SHOP_ROWS


async def _journal_of(state: Path) -> None:
    """Wait until the run has written its journal."""
    async with asyncio.timeout(10):
        while not list(state.glob("*.json")):  # noqa: ASYNC110, ASYNC240 - polls another process's file
            await asyncio.sleep(0.01)


async def test_restart_sends_every_row_again_with_the_same_ids(tmp_path: Path) -> None:
    """``restart`` passes over the journal; ids make the repeat harmless."""
    text = "event,user_id,timestamp\na,u,2026-01-01\nb,u,2026-01-02\n"
    _, first = await imported(text, tmp_path)
    report, again = await imported(text, tmp_path, restart=True)
    assert [event["event_id"] for event in again] == [event["event_id"] for event in first]
    assert (report.stored, report.settled_before, report.already_imported) == (2, 0, False)


async def test_bad_rows_are_listed_with_line_and_advice_and_cost_nobody_else(tmp_path: Path) -> None:
    """Each kind of bad row is named by its line; all others arrive."""
    text = (
        "event,user_id,timestamp,note\n"
        "ok1,u,2026-01-01T00:00:00Z,first\n"
        "short,u\n"
        ",u,2026-01-01T00:00:00Z,no event\n"
        'ok2,u,2026-01-01T00:00:00Z,"two\nlines"\n'
        "late,u,yesterday,\n"
        "nobody,,2026-01-01T00:00:00Z,\n"
        "bytes,u,2026-01-01T00:00:00Z,\udcff\udcfe\n"
        'open,u,2026-01-01T00:00:00Z,"never closed\n'
        "ok3,u,2026-01-01T00:00:00Z,\n"
    )
    report, events = await imported(text, tmp_path, write_rejects=True)
    assert [event["event"] for event in events] == ["ok1", "ok2", "ok3"]
    assert events[1]["properties"] == {"note": "two\nlines"}
    assert "properties" not in events[2]
    assert (report.rows, report.stored, report.rejected) == (9, 3, 6)
    listed = {row.line: row.message for row in report.first_rejected}
    assert list(listed) == [3, 4, 7, 8, 9, 10]
    assert "2 columns, the header has 4" in listed[3]
    assert "no event" in listed[4]
    assert "'yesterday' is not a time" in listed[7]
    assert "no distinct_id" in listed[8]
    assert "UTF-8" in listed[9]
    assert "quotes" in listed[10]
    written = [json.loads(line) for line in report.rejects_file.read_text().splitlines()]
    assert [row["line"] for row in written] == list(listed)
    assert written[0]["raw"] == "short,u"


async def test_events_that_the_gateway_rejects_are_listed_by_their_row(tmp_path: Path) -> None:
    """A verdict of the gateway names the file's row, though rows before it never became events."""

    async def reject_second(peer: Peer) -> None:
        await peer.welcome()
        verdict = {"index": 1, "result": "rejected", "code": "name_too_long", "message": "too long"}
        await peer.ack(await peer.receive(), verdict)

    file = tmp_path / "events.csv"
    file.write_text("event,user_id,timestamp\nbad,u\na,u,2026-01-01\nb,u,2026-01-01\nc,u,2026-01-01\n")
    async with scripted_gateway(reject_second) as gateway:
        report = await import_file(options_of(file, gateway), on_progress=ignore)
    assert [(row.row, row.line, row.code) for row in report.first_rejected] == [
        (1, 2, "unreadable_row"),
        (3, 4, "name_too_long"),
    ]
    assert (report.stored, report.rejected) == (2, 2)


async def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    """Numbers, lists and objects stay what they are; a nested ``properties`` is taken as it is."""
    lines = [
        {"event": "a", "userId": 7, "ts": 1_700_000_000, "n": 1, "on": True, "tags": [1, {"x": None}]},
        {
            "name": "b",
            "anonymous_id": "x",
            "time": 1_700_000_000_250,
            "properties": {"event": "kept", "n": 2},
        },
        {"event": "c", "user_id": "", "anonymous_id": "anon", "date": "2026-01-31"},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + '\n\n[1]\n{"event": \n'
    report, (first, second, third) = await imported(text, tmp_path, "events.jsonl")
    assert first["distinct_id"] == "7"
    assert first["timestamp"] == "2023-11-14T22:13:20Z"
    assert first["properties"] == {"n": 1, "on": True, "tags": [1, {"x": None}]}
    assert second["timestamp"] == "2023-11-14T22:13:20.250000Z"
    assert second["properties"] == {"event": "kept", "n": 2}
    assert third["distinct_id"] == "anon"
    assert [row.line for row in report.first_rejected] == [5, 6]


async def test_columns_are_mapped_numbers_made_and_zones_kept(tmp_path: Path) -> None:
    """What the user says about columns goes before what their names say."""
    from zoneinfo import ZoneInfo

    text = (
        "action,customer,at,id,event,amount\n"
        "paid,c1,2026-07-01 12:00:00.5,0190a6e0-7c1d-7000-8000-0123456789ab,e1,12.50\n"
        "paid,c1,2026-07-01 12:00:00.5,17,e2,3\n"
        "paid,c1,2026-07-01 12:00:00.5,18,e3,lots\n"
    )
    mapped = {"event": "action", "distinct_id": "customer", "timestamp": "at"}
    zone = ZoneInfo("Europe/Berlin")
    report, (first, second) = await imported(
        text, tmp_path, mapped=mapped, numbers=frozenset({"amount"}), zone=zone
    )
    assert first["timestamp"] == "2026-07-01T10:00:00.500000Z"
    assert first["event_id"] == "0190a6e0-7c1d-7000-8000-0123456789ab"
    assert first["properties"] == {"event": "e1", "amount": 12.5}
    assert second["properties"] == {"id": "17", "event": "e2", "amount": 3}
    assert "'lots', which is no number" in report.first_rejected[0].message


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("action,user_id,timestamp\n", {}, "--map event=COLUMN"),
        ("event,user_id\n", {}, "--map timestamp=COLUMN"),
        ("event,user_id,timestamp\n", {"mapped": {"event": "x"}}, "no column 'x'"),
        ("event,user_id,timestamp\n", {"numbers": frozenset({"y"})}, "no column 'y'"),
        ("event,user_id,timestamp\n", {"mapped": {"who": "event"}}, "--map who="),
        ("event,event,timestamp\n", {}, "names a column twice: event"),
        ("", {}, "no header"),
    ],
)
async def test_columns_that_cannot_work_are_named_before_anything_is_sent(
    tmp_path: Path, text: str, options: dict[str, Any], says: str
) -> None:
    """The message says which column is missing and what to type."""
    with pytest.raises(ColumnsError, match=says):
        await imported(text, tmp_path, **options)


async def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """A missing file, an unknown kind and a damaged one are told apart."""
    async with scripted_gateway(store_everything) as gateway:
        for name, content, says in [
            ("missing.csv", None, "No such file"),
            ("events.xlsx", b"", "must end in"),
            ("cut.csv.gz", gzip.compress(b"event,user_id,timestamp\n" * 1000)[:-20], "damaged"),
        ]:
            if content is not None:
                (tmp_path / name).write_bytes(content)
            with pytest.raises(UnreadableFileError, match=says):
                await import_file(options_of(tmp_path / name, gateway), on_progress=ignore)
        assert gateway.connections == 0


async def test_a_gateway_that_is_not_there_or_says_no_is_told_apart(tmp_path: Path) -> None:
    """Nobody there: what to start. A wrong key: ``Unauthorized``."""
    file = tmp_path / "events.csv"
    file.write_text("event,user_id,timestamp\na,u,2026-01-01\n")

    async def refuse(peer: Peer) -> None:
        await peer.receive()
        await peer.close(4401)

    async with scripted_gateway(refuse) as gateway:
        with pytest.raises(Unauthorized):
            await import_file(options_of(file, gateway), on_progress=ignore)
    with pytest.raises(GatewayAwayError, match="smolhog up"):
        await import_file(options_of(file, gateway, connect_seconds=0.2), on_progress=ignore)


async def test_a_gateway_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    """Lost connections in the middle cost nothing and double no id."""

    async def crash(peer: Peer) -> None:
        await peer.welcome()
        await peer.ack(await peer.receive())
        await peer.receive()
        await peer.close(1012)

    rows = "".join(f"a,u{n},{datetime.fromtimestamp(n, UTC).isoformat()}\n" for n in range(3_000))
    file = tmp_path / "events.csv"
    file.write_text("event,user_id,timestamp\n" + rows)
    async with scripted_gateway(crash, store_everything) as gateway:
        report: ImportReport = await import_file(options_of(file, gateway), on_progress=ignore)
    assert report.stored == 3_000
    assert len(set(gateway.event_ids)) == 3_000
    assert gateway.connections == 2
