"""Every step and every sink of the kit, killed at random moments over real services: each event once in effect."""

from pathlib import Path

import pytest

from tests.dataflows.kit.crash_cases import CASES, Case
from tests.dataflows.kit.crash_suite import run_case
from tests.dataflows.kit.flow_stack import flow_stack
from tests.fixtures_clickhouse import ClickHouseServer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_at_any_moment_every_event_has_its_effect_once(
    case: Case, postgres_database: str, clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    """The effect is that of brute force over what was sent."""
    with (
        clickhouse_server.database() as database,
        flow_stack(postgres_database, f"{clickhouse_server.url}/{database}", tmp_path / "data") as stack,
    ):
        run = run_case(case, stack, kills=3, events=6_000, seed=1)
    assert (run.lost, run.doubled) == (0, 0)
