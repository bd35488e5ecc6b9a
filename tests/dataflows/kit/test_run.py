"""How a flow begins, who may run it, and how it ends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import clickhouse_connect
import msgspec
import psycopg
import pytest

from dataflows.kit import Events, Flow, LogSource, PostgresTable, Stdout, map_events, write
from dataflows.kit.errors import FlowInvalid
from dataflows.kit.loading import load_flow
from dataflows.kit.migrations import migrate_flow
from dataflows.kit.run import FlowOptions, reset_flow
from dataflows.kit.starts import find_starts
from dataflows.kit.ticks import Ticks, tick
from event_log.blocking import BlockingLog
from event_log.opening import open_event_log
from schemas.envelope import LogEvent, SubBatch, encode_controls, encode_sub_batch, join_sub_batches
from sinks.clickhouse.connect import connection_arguments
from sinks.errors import MigrationError
from sinks.migrate import migrate_stores
from sinks.postgres.migrate import migrate_postgres
from tests.dataflows.kit.flow_stack import FlowStack, flow_stack
from tests.dataflows.kit.ledger import make_ledger
from tests.dataflows.running_flow import wait_until
from tests.fixtures_clickhouse import ClickHouseServer

FLOW = """
from datetime import timedelta
from dataflows.kit import Event, EventStream, Events, Flow, LogSource, PostgresTable, map_events, write

flow = Flow("{name}", source=LogSource(stream={stream!r}), migrations="tables", epoch=timedelta(seconds=0.2))


@flow.steps
def steps(events: Events) -> None:
    write("ids", map_events("rows", events, lambda e: {{"event_id": e.event_id}}), PostgresTable("{table}", mode="insert"))
    {more}
"""


def _write_flow(
    folder: Path, name: str, *, stream: str | None = None, table: str = "ids", more: str = ""
) -> Path:
    file = folder / name / f"{name}.py"
    (file.parent / "tables").mkdir(parents=True)
    (file.parent / "tables" / "0001_start.postgres.sql").write_text(
        f"CREATE TABLE {name}_ids (event_id text);\n"
    )
    file.write_text(FLOW.format(name=name, stream=stream, table=f"{name}_{table}", more=more))
    return file


def _count(stack: FlowStack, table: str) -> int:
    """Rows of a table; none while it is not there yet."""
    if not stack.postgres(f"SELECT 1 WHERE to_regclass('{table}') IS NOT NULL"):
        return 0
    return int(stack.postgres(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def _append(stack: FlowStack, events: int, seed: int) -> None:
    with BlockingLog(lambda: open_event_log(stack.log_url, partitions=stack.partitions)) as log:
        for message in make_ledger(events, seed).messages:
            log.append(*message)


def test_flows_follow_each_other_and_none_harms_another(
    postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """One reads the stream that another writes; a second process is refused; a failing one ends by itself."""
    with (
        clickhouse_server.database() as database,
        flow_stack(postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data") as stack,
    ):
        more = 'write("copy", map_events("copies", events, lambda e: e), EventStream("copies"))'
        first = _write_flow(tmp_path, "first", more=more)
        second = _write_flow(tmp_path, "second", stream="copies")
        failing = _write_flow(tmp_path, "failing", table="nowhere")
        _append(stack, 500, 1)
        alive = [stack.start(first)]
        wait_until(lambda: stack.said("flow runs") == 1, "the first flow", stack.log_file)
        wait_until(lambda: _count(stack, "first_ids") == 500, "the first flow's effect", stack.log_file)
        alive.append(stack.start(second))
        refused, broken = stack.start(first), stack.start(failing)
        assert refused.wait(timeout=60) == 1
        assert broken.wait(timeout=60) == 1
        output = stack.log_file.read_text()
        assert "dataflows.kit.errors.FlowOwned: another process on this machine runs flow first" in output
        assert "sinks.errors.SinkRejectedWrite" in output
        assert "failing_nowhere" in output
        _append(stack, 300, 2)
        wait_until(lambda: _count(stack, "second_ids") == 800, "the second flow's effect", stack.log_file)
        assert _count(stack, "first_ids") == 800
        assert [process.poll() for process in alive] == [None, None]


TICKING = """
from datetime import timedelta
from dataflows.kit import Events, Flow, LogSource, PostgresTable, count, map_rows, total_windows, tumbling_windows, write

flow = Flow("ticking", source=LogSource(), migrations="tables", epoch=timedelta(seconds=0.2))


@flow.steps
def steps(events: Events) -> None:
    windows = tumbling_windows(
        "w", events, length=timedelta(seconds=1), grace=timedelta(0), by={}, values={"n": count()}
    )
    rows = map_rows("rows", total_windows("all", windows, zeros=0), lambda window: {"event_id": str(window.values["n"])})
    write("out", rows, PostgresTable("ticking_ids", mode="insert"))
"""


def test_a_total_waits_for_no_partition_in_which_nothing_happens(
    postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """An event in one partition is in a total seconds later, though none ever comes in the other."""
    with (
        clickhouse_server.database() as database,
        flow_stack(postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data") as stack,
    ):
        file = _write_flow(tmp_path, "ticking")
        file.write_text(TICKING)
        now = datetime.now(UTC)
        event = LogEvent("0190a6e0-7c1d-7000-8000-000000000000", "a", "ann", now, None, msgspec.Raw(b"{}"))
        batch = SubBatch(1, now, None, "test", None, None, None, [event])
        with BlockingLog(lambda: open_event_log(stack.log_url, partitions=2)) as log:
            log.append(0, join_sub_batches([encode_sub_batch(batch)]))
        stack.start(file, {"TICK_SECONDS": "0.3"})
        wait_until(lambda: _count(stack, "ticking_ids") == 1, "the total", stack.log_file)
        assert stack.postgres("SELECT * FROM ticking_ids") == [{"event_id": "1"}]


def test_a_flow_that_was_reset_starts_anew(
    postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """It forgets its positions, its ids and where it began."""
    with (
        clickhouse_server.database() as database,
        flow_stack(postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data") as stack,
    ):
        file = _write_flow(tmp_path, "again")
        _append(stack, 200, 1)
        for number in (1, 2):
            process = stack.start(file)
            wait_until(lambda: stack.said("flow runs") == number, "a start", stack.log_file)  # noqa: B023
            wait_until(lambda: _count(stack, "again_ids") == number * 200, "its effect", stack.log_file)  # noqa: B023
            process.kill()
            process.wait()
            reset_flow(load_flow(file), _options(stack))
        assert not stack.postgres("SELECT * FROM flow_positions")


def test_a_reset_that_is_killed_leaves_no_state_without_positions(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows would be added again. And nobody takes what an earlier version once reached for the flow's progress."""
    migrate_postgres(postgres_database)
    flow = Flow("again", source=LogSource(), version=2)
    options = FlowOptions(tmp_path, _nothing, 2, postgres_database, "", _nothing)  # type: ignore[arg-type]
    recovery = tmp_path / "flows" / "again" / "v2" / "7" / "recovery"
    recovery.mkdir(parents=True)

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt(folder)

    with psycopg.connect(postgres_database, autocommit=True) as connection:
        for version in (1, 2):
            connection.execute("INSERT INTO flow_positions VALUES ('again', %s, 'out', 7, '0', 5)", [version])
            connection.execute(
                "INSERT INTO flow_progress VALUES ('again', %s, 7, '0', 'live', 5, 9, NULL, 5)", [version]
            )
        with monkeypatch.context() as patched:
            patched.setattr("dataflows.kit.run.rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                reset_flow(flow, options)
        assert not recovery.exists()
        reset_flow(flow, options)
        assert [each.name for each in (tmp_path / "flows" / "again" / "v2").iterdir()] == ["lock"]
        assert connection.execute("SELECT version FROM flow_positions").fetchall() == [(1,)]
        assert not connection.execute("SELECT version FROM flow_progress").fetchall()


async def _nothing(*_: object) -> None:
    raise AssertionError("no log is opened to reset a flow")


def _options(stack: FlowStack) -> FlowOptions:
    return FlowOptions(stack.data, _nothing, 2, stack.postgres_dsn, stack.clickhouse_url, _nothing)  # type: ignore[arg-type]


def test_where_a_flow_begins_is_found_once(tmp_path: Path) -> None:
    """At a time, at an end, at the beginning or at an offset; the file has it from then on."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    with BlockingLog(lambda: open_event_log(f"sqlite:///{tmp_path / 'log'}", partitions=1)) as log:
        for minute in range(20):
            log.append(0, tick(begin + timedelta(minutes=minute)))
        for number, (start, offset) in enumerate(
            [
                ("beginning", 0),
                ("end", 20),
                ({0: 3}, 3),
                (begin + timedelta(minutes=7), 7),
                (begin + timedelta(minutes=7, seconds=1), 8),
                (begin - timedelta(days=1), 0),
                (begin + timedelta(days=1), 20),
            ]
        ):
            file = tmp_path / f"{number}.json"
            assert find_starts(file, start, log, 1) == {"0": offset}  # type: ignore[arg-type]
            log_end = log.end(0)
            assert find_starts(file, "end", log, 1) == {"0": offset}
            assert log_end == 20
        with pytest.raises(FlowInvalid, match="partition 0"):
            find_starts(tmp_path / "none.json", {1: 3}, log, 1)


def test_only_an_idle_partition_is_told_the_time_and_only_if_somebody_waits() -> None:
    """Not more often than so many seconds."""
    now = 0.0
    told: list[int] = []
    ticks = Ticks(lambda partition, _: told.append(partition), every=5, clock=lambda: now)
    ticks.idle("0")
    now = 60
    ticks.idle("0")
    assert told == []
    ticks.wanted = True
    ticks.idle("0")
    ticks.idle("0")
    assert told == [0]
    now = 64
    ticks.busy("1")
    now = 66
    ticks.idle("0")
    ticks.idle("1")
    assert told == [0, 0]


def test_a_flows_migrations_run_once_and_may_not_change(postgres_database: str, tmp_path: Path) -> None:
    """A changed one is found out; a folder that is missing, too."""
    migrate_postgres(postgres_database)
    flow = load_flow(_write_flow(tmp_path, "shop"))
    assert migrate_flow(flow, postgres_database, "") == ["0001_start.postgres.sql"]
    assert migrate_flow(flow, postgres_database, "") == []
    with psycopg.connect(postgres_database) as connection:
        connection.execute("SELECT event_id FROM shop_ids")
    (tmp_path / "shop" / "tables" / "0001_start.postgres.sql").write_text("SELECT 1;\n")
    with pytest.raises(MigrationError, match="was changed"):
        migrate_flow(flow, postgres_database, "")
    flow.migrations = "nowhere"
    with pytest.raises(FlowInvalid, match="no folder"):
        migrate_flow(flow, postgres_database, "")


def test_tables_of_a_flow_are_made_in_a_new_clickhouse(
    postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """PostgreSQL, restored from a backup, says that they were made; where ClickHouse is away, that is believed."""
    flow = load_flow(_write_flow(tmp_path, "shop"))
    table = "CREATE TABLE IF NOT EXISTS shop (n UInt64) ENGINE = MergeTree ORDER BY n;\n"
    (tmp_path / "shop" / "tables" / "0002_shop.clickhouse.sql").write_text(table)
    for made in (["0001_start.postgres.sql", "0002_shop.clickhouse.sql"], ["0002_shop.clickhouse.sql"]):
        with clickhouse_server.database() as database:
            url = f"{clickhouse_server.url}/{database}"
            migrate_stores(postgres_database, url)
            with psycopg.connect(postgres_database) as connection:
                connection.execute("UPDATE flow_migrations SET applied_at = applied_at - interval '1 hour'")
            assert migrate_flow(flow, postgres_database, url) == made
            assert migrate_flow(flow, postgres_database, url) == []
            with clickhouse_connect.get_client(**connection_arguments(url)) as client:
                assert client.query("SELECT count() FROM shop").result_rows == [(0,)]
    assert migrate_flow(flow, postgres_database, "http://127.0.0.1:1/none") == []


def test_a_flow_can_be_looked_at_without_any_service() -> None:
    """What it writes to, and how it is wired."""
    flow = Flow("looked_at", source=LogSource())

    @flow.steps
    def steps(events: Events) -> None:
        rows = map_events("rows", events, lambda event: {"id": event.event_id})
        write("table", rows, PostgresTable("t", mode="insert"))
        write("lines", rows, Stdout())

    assert {step: sink.describe() for step, sink in flow.outputs().items()} == {
        "table": "PostgreSQL table t (insert)",
        "lines": "standard output",
    }
    assert "looked_at.rows" in flow.mermaid() or "rows" in flow.mermaid()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1/0", "cannot be imported: ZeroDivisionError"),
        ("flow = 3", "declares no flow"),
        ("from dataflows.kit import Flow, LogSource\nflow = Flow('No Name', LogSource())", "names no flow"),
    ],
)
def test_a_file_that_declares_no_flow_says_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    """Also that there is none."""
    file = tmp_path / "wrong.py"
    file.write_text(text)
    with pytest.raises(FlowInvalid, match=said):
        load_flow(file)
    with pytest.raises(FlowInvalid, match="no file"):
        load_flow(tmp_path / "missing.py")


@pytest.mark.parametrize("pattern", ["ececcceecc", "cccce", "ccc", "xexcxe"])
def test_a_start_by_time_leaves_nothing_out_whatever_else_is_in_the_log(tmp_path: Path, pattern: str) -> None:
    """Controls of a rebuild, and messages that are damaged, say no time."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    times = [begin + timedelta(minutes=offset) for offset in range(len(pattern))]
    with BlockingLog(lambda: open_event_log(f"sqlite:///{tmp_path / 'log'}", partitions=1)) as log:
        for kind, time in zip(pattern, times, strict=True):
            log.append(0, {"c": encode_controls([]), "x": b"?", "e": tick(time)}[kind])
        for number, since in enumerate([*times, times[-1] + timedelta(minutes=1)]):
            found = find_starts(tmp_path / f"{number}.json", since, log, 1)["0"]
            needed = [offset for offset, kind in enumerate(pattern) if kind == "e" and times[offset] >= since]
            assert found <= min(needed, default=len(pattern))
            assert all(
                time < since for time, kind in zip(times[:found], pattern, strict=False) if kind == "e"
            )


def test_flows_are_imported_beside_their_own_modules(tmp_path: Path) -> None:
    """Also where modules beside two flows have one name, and where a row is a dataclass with postponed annotations."""
    for name in ("first", "second"):
        file = _write_flow(tmp_path, name)
        (tmp_path / name / "rates.py").write_text(f"{name} = 1\n")
        file.write_text(
            "from __future__ import annotations\n"
            "from dataclasses import dataclass\n"
            "import typing\n"
            f"from rates import {name}\n" + file.read_text() + "\n"
            "@dataclass\n"
            "class Row:\n"
            "    kind: typing.ClassVar[int] = 1\n"
        )
    for name in ("first", "second", "first"):
        assert load_flow(tmp_path / name / f"{name}.py").name == name
