"""Every step and every sink of the kit, killed at random moments over real services: each event once in effect."""

from pathlib import Path

import pytest

import dataflows.kit
from tests.dataflows.kit import crash_cases
from tests.dataflows.kit.crash_cases import BY_NAME, CASES, Case
from tests.dataflows.kit.crash_suite import run_case
from tests.dataflows.kit.flow_stack import flow_stack
from tests.fixtures_clickhouse import ClickHouseServer
from tests.fixtures_rabbitmq import RabbitMQ


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_at_any_moment_every_event_has_its_effect_once(
    case: Case, postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """The effect is that of brute force over what was sent."""
    with (
        clickhouse_server.database() as database,
        flow_stack(postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data") as stack,
    ):
        run = run_case(case, stack, kills=4, events=6_000, seed=1)
    assert (run.lost, run.doubled) == (0, 0)


def test_the_same_over_rabbitmq(
    empty_rabbitmq: RabbitMQ,
    postgres_database: str,
    clickhouse_server: ClickHouseServer,
    tmp_path: Path,
) -> None:
    """With a broker's streams for the log that is read and the one that is written."""
    with (
        clickhouse_server.database() as database,
        flow_stack(
            postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data", empty_rabbitmq.url
        ) as stack,
    ):
        run = run_case(BY_NAME["map_events"], stack, kills=3, events=3_000, seed=2)
    assert (run.lost, run.doubled) == (0, 0)


def test_every_step_and_every_sink_is_in_some_case() -> None:
    """What is public and takes a stream, or takes rows."""
    source = Path(crash_cases.__file__).read_text()
    public = {name: getattr(dataflows.kit, name) for name in dataflows.kit.__all__}
    steps = {name for name, thing in public.items() if hasattr(thing, "_op_cls")}
    sinks = {name for name, thing in public.items() if hasattr(thing, "open") and hasattr(thing, "describe")}
    assert len(steps) > 12
    assert len(sinks) == 5
    assert {name for name in steps | sinks if f"{name}(" not in source} == set()
