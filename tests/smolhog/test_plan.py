"""Plans are multiplications of measured figures, and say where they go beyond them."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from smolhog.capacity import Capacity, LogCosts
from smolhog.plan import DEDUP_DAYS, Wanted, plan
from smolhog.settings import Settings

COSTS = LogCosts(
    {
        "gateway": 6.0,
        "dataflow": 15.0,
        "postgres": 10.0,
        "clickhouse": 12.0,
        "rabbitmq": 3.0,
        "watchdog": 0.0,
    },
    stored_per_second=40_000,
    gateway_per_second={1: 10_000, 10: 60_000, 100: 180_000, 500: 180_000},
)
MEASURED = Capacity(
    measured_on="2026-01-02T03:04:05+00:00",
    commit="abc",
    cpu="some",
    cores=2,
    memory_gib=8,
    event_bytes=300,
    users=5_000,
    many_users=1_000_000,
    many_users_factor=2,
    logs={"sqlite": COSTS, "rabbitmq": COSTS},
    disk_bytes={
        "PostgreSQL": 500,
        "ClickHouse": 60,
        "event log": 350,
        "dedup index": 50,
        "minute": 1_000,
        "hour": 2_000,
        "day": 3_000,
    },
    resident_mib={
        "gateway": 100,
        "dataflow": 200,
        "postgres": 150,
        "clickhouse": 300,
        "rabbitmq": 100,
        "query-api": 90,
    },
    telemetry=[],
)
WANTED = Wanted(
    events_per_second=10_000,
    event_bytes=300,
    batch=100,
    users=5_000,
    retention_days=10,
    log_hours=48,
    log="rabbitmq",
)


def test_a_plan_for_what_was_measured_is_by_hand_the_same() -> None:
    """Cores at 60 %, bytes by rate and time."""
    found = plan(WANTED, MEASURED)
    assert found.cores == pytest.approx(
        {"gateway": 0.1, "dataflow": 0.25, "postgres": 1 / 6, "clickhouse": 0.2, "rabbitmq": 0.05}
    )
    assert (found.gateway_processes, found.dataflow_processes, found.partitions) == (1, 1, 2)
    a_day = 10_000 * 86_400
    assert found.disk_bytes == pytest.approx(
        {
            "PostgreSQL": 500 * a_day * 10,
            "ClickHouse": 60 * a_day * 10 + 10 * (1_000 * 1_440 + 2_000 * 24 + 3_000),
            "event log": 350 * a_day * 2,
            "dedup index": 50 * a_day * DEDUP_DAYS,
        }
    )
    assert found.log_retention_bytes == 350 * a_day
    assert found.network_mbit["clients to gateways"] == pytest.approx(24)
    assert found.memory_mib == MEASURED.resident_mib
    assert not [said for said in found.extrapolated if "were not measured" in said]


def test_more_events_take_more_processes_and_partitions() -> None:
    """As many dataflows as keep 60 % busy, and twice as many partitions, to grow into."""
    found = plan(replace(WANTED, events_per_second=200_000), MEASURED)
    assert (found.gateway_processes, found.dataflow_processes, found.partitions) == (2, 5, 16)
    assert found.memory_mib["dataflow"] == 1_000
    assert any("200,000 events/s were not measured" in said for said in found.extrapolated)


def test_small_batches_cost_the_gateway_and_many_people_the_stores() -> None:
    """By as much as was measured; half way between few and many people by the logarithm."""
    small = plan(replace(WANTED, batch=1), MEASURED)
    assert small.cores["gateway"] == pytest.approx(0.1 * 18)
    assert small.cores["dataflow"] == pytest.approx(0.25)
    many = plan(replace(WANTED, users=1_000_000), MEASURED)
    assert many.cores["dataflow"] == pytest.approx(0.5)
    assert plan(replace(WANTED, users=9_000_000), MEASURED).cores == many.cores
    between = plan(replace(WANTED, users=70_711), MEASURED)
    assert between.cores["postgres"] == pytest.approx(1.5 / 6, rel=1e-3)
    assert plan(replace(WANTED, users=3), MEASURED).cores == plan(WANTED, MEASURED).cores


def test_larger_events_cost_more_and_smaller_ones_not_less() -> None:
    """Of processor time, that is: on disk small events are small."""
    large = plan(replace(WANTED, event_bytes=600), MEASURED)
    assert large.cores["dataflow"] == pytest.approx(0.5)
    assert large.disk_bytes["PostgreSQL"] == pytest.approx(800 * 864_000_000 * 10)
    small = plan(replace(WANTED, event_bytes=100), MEASURED)
    assert small.cores == plan(WANTED, MEASURED).cores
    assert small.disk_bytes["event log"] == pytest.approx(150 * 864_000_000 * 2)
    assert any("100 bytes were not measured" in said for said in small.extrapolated)


def test_the_embedded_log_is_for_one_machine() -> None:
    """A plan that does not fit says so."""
    found = plan(replace(WANTED, events_per_second=200_000, log="sqlite"), MEASURED)
    assert any("take --log rabbitmq" in said for said in found.extrapolated)


def test_days_of_the_dedup_index_are_those_of_the_setting() -> None:
    """One number in two places."""
    assert Settings.model_fields["dedup_days"].default == DEDUP_DAYS


def test_the_command_says_from_which_run_it_reckons() -> None:
    """For people and for programs, and what was not measured."""
    command = [sys.executable, "-m", "smolhog", "plan", "--events-per-second", "150000"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Reckoned from the run of 20" in text
    assert "Not measured:" in text
    assert "SMOLHOG_PARTITIONS=" in text
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["plan"]["dataflow_processes"] > 1
    assert answer["measured"]["cores"] >= 1
    assert sum(answer["plan"]["cores"].values()) > 1
