"""What `smolhog status` makes of what the processes say."""

import json
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from smolhog.flow_states import FlowState
from smolhog.sizes_text import bytes_text, duration_text
from smolhog.status import Sizes, status_of
from smolhog.status_samples import GATEWAY, QUERY_API, Sample
from tests.smolhog.commands import run_smolhog, stack_settings, started

START = 1_000.0


def _sample(process: str, at: float, text: str) -> Sample:
    values: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Sample(process, at, _values=values)


def _gateway(at: float, *, received: int = 0, rejected: int = 0, spool: int = 0, end: int = 100) -> Sample:
    return _sample(
        GATEWAY,
        at,
        f"""process_start_time_seconds {START - 60}
process_cpu_seconds_total {at / 10}
smolhog_events_received_total{{source="ws.v1"}} {received}
smolhog_events_rejected_total{{stage="gateway",reason="malformed"}} {rejected}
smolhog_log_end_offset{{log="1",partition="0"}} {end}
smolhog_log_retention_seconds 1000
smolhog_spool_messages {spool}
smolhog_spool_bytes{{partition="0"}} {spool * 10}
smolhog_spool_capacity_bytes{{partition="0"}} 1000
""",
    )


def _query(at: float, stored: int = 100) -> Sample:
    return _sample(
        QUERY_API,
        at,
        f"""smolhog_stored_offset{{log="1",partition="0"}} {stored}
smolhog_stored_time_seconds{{log="1",partition="0"}} {START - 30}
""",
    )


def _flow(at: float, lag: float = 0) -> Sample:
    return _sample(
        "dataflow-0",
        at,
        f"""smolhog_lag_messages{{partition="0"}} {7 if lag else 0}
smolhog_lag_seconds{{partition="0"}} {lag}
smolhog_dedup_index_ids{{partition="0"}} 12
""",
    )


def test_rates_are_what_grew_between_two_looks() -> None:
    """Counters are divided by the time between."""
    before = [_gateway(START, received=100), _flow(START), _query(START)]
    after = [_gateway(START + 2, received=500), _flow(START + 2), _query(START + 2)]
    status = status_of(before, after, Sizes())
    gateway = status.processes[0]
    assert gateway.rates["received"] == 200
    assert gateway.uptime_seconds == 62
    assert status.alarms == []
    assert status.partitions[0].behind == 0


def test_a_process_that_was_restarted_counts_from_nothing() -> None:
    """Its counters are smaller than before, and no rate is negative."""
    old = _sample(GATEWAY, START, "process_start_time_seconds 1\nsmolhog_events_received_total 900\n")
    status = status_of([old, _query(START)], [_gateway(START + 1, received=10), _query(START + 1)], Sizes())
    assert status.processes[0].rates["received"] == 10


def test_a_dead_dataflow_is_named_with_what_waits_for_it() -> None:
    """The log's end and the last stored event say how much and for how long, without the dataflow."""
    dead = Sample("dataflow-0", START, "does not answer on 127.0.0.1:8410")
    status = status_of(
        [_gateway(START, end=150), dead, _query(START)],
        [_gateway(START + 1, end=150), dead, _query(START + 1)],
        Sizes(),
    )
    assert status.alarms == [
        "The dataflow-0 does not answer on 127.0.0.1:8410.",
        "No dataflow serves partition 0: 50 messages wait in the event log, safe and not counted.",
    ]
    assert (status.partitions[0].behind, status.partitions[0].waits_seconds) == (50, 31)


def test_whatever_an_operator_has_to_look_at_is_an_alarm() -> None:
    """Lag, a spool that fills, rejected events, a full disk."""
    before = [_gateway(START), _flow(START), _query(START)]
    after = [
        _gateway(START + 1, received=100, rejected=50, spool=60),
        _flow(START + 1, lag=900),
        _query(START + 1),
    ]
    alarms = "\n".join(status_of(before, after, Sizes(free_bytes=1024)).alarms)
    for words in (
        "900 s behind",
        "about to drop",
        "more than half full",
        "50% of the events",
        "0.0 GiB left",
    ):
        assert words in alarms


def test_numbers_are_written_for_people() -> None:
    """Two units are enough."""
    assert [bytes_text(size) for size in (0, 2048, 3 * 1024**2)] == ["0 B", "2 KiB", "3 MiB"]
    assert [duration_text(s) for s in (0.4, 61, 3600, 90_000)] == ["0 s", "1 min 1 s", "1 h", "1 d 1 h"]


def test_a_running_stack_shows_its_rates_and_a_killed_dataflow_an_alarm(tmp_path: Path) -> None:
    """The screen of a real stack, before and after a dataflow cannot run any more."""
    settings = stack_settings(tmp_path / "data")
    with started(tmp_path, "up", settings=settings, until="Ready"):
        well = run_smolhog(tmp_path, "status", settings=settings)
        assert well.returncode == 0, well.stdout + well.stderr
        assert "No alarms." in well.stdout
        for words in ("gateway", "dataflow-0", "query API", "PostgreSQL", "events/s in"):
            assert words in well.stdout
        # Looked for where it does not run, it is as dead as one can be.
        elsewhere = {**settings, "SMOLHOG_METRICS_PORT": settings["SMOLHOG_POSTGRES_PORT"]}
        ill = run_smolhog(tmp_path, "status", "--json", settings=elsewhere)
        assert ill.returncode == 1
        status = json.loads(ill.stdout)
        assert "dataflow-0" in status["alarms"][0]
        assert [partition["is_served"] for partition in status["partitions"]] == [False, False]


def test_without_a_stack_every_process_is_down(tmp_path: Path) -> None:
    """Nothing answers, and that is said in sentences, not in tracebacks."""
    shown = run_smolhog(tmp_path, "status", settings=stack_settings(tmp_path / "data"))
    assert shown.returncode == 1
    assert "does not answer" in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr


def test_flows_that_fail_or_are_late_are_alarms_of_their_own() -> None:
    """Which, how often and why; one that should run and does not; one that is behind, but not while it backfills."""
    flows = [
        FlowState("broken", "fails", failures=7, failed_at="2026-01-01T12:00:00Z", reason="no such column"),
        FlowState("gone", "stopped", is_configured=True),
        FlowState("by_hand", "stopped"),
        FlowState("late", "runs", behind=10, waits_seconds=61),
        FlowState("filling", "runs", behind=10, waits_seconds=61, backfill_done=5, backfill_total=9),
    ]
    samples = [_gateway(START), _sample(QUERY_API, START, "")]
    later = [_gateway(START + 1), _sample(QUERY_API, START + 1, "")]
    status = status_of(samples, later, Sizes(), flows)
    assert [alarm for alarm in status.alarms if "flow" in alarm] == [
        "The flow broken fails (7 times, last at 2026-01-01T12:00:00Z; nothing else is affected): no such column",
        "The flow gone is in SMOLHOG_FLOWS and does not run.",
        "The flow late is 61 s behind, 10 messages.",
    ]
    assert status.flows == flows
