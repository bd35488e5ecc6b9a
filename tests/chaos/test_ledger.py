"""The short form of the ledger test: a few seeds over each event log; `make chaos` runs hundreds."""

from pathlib import Path

import pytest

from tests.chaos.run import run_once
from tests.chaos.stack import running_services
from tests.fixtures_postgres import postgres_folder
from tests.fixtures_rabbitmq import _require_rabbitmq

SEEDS = {"sqlite": (3, 7, 6), "rabbitmq": (2, 5, 1)}


@pytest.mark.parametrize("log", SEEDS)
async def test_the_ledger_balances_whatever_breaks(log: str, tmp_path: Path) -> None:
    """Nothing acknowledged is lost, nothing is counted twice, nothing appears that was not sent."""
    if log == "rabbitmq":
        _require_rabbitmq()
    with postgres_folder() as folder:
        async with running_services(folder, broker=log == "rabbitmq") as services:
            for seed in SEEDS[log]:
                result = await run_once(services, seed, log, tmp_path / f"seed-{seed}")
                assert result.is_even, f"{result}\n{result.problems}"
                assert result.acked > 1_000
                assert result.rejected > 0


async def test_the_ledger_balances_after_the_broker_was_away(tmp_path: Path) -> None:
    """Half a minute of events waits on the gateway's own disk; `make chaos` does the same for minutes."""
    _require_rabbitmq()
    with postgres_folder() as folder:
        async with running_services(folder, broker=True) as services:
            result = await run_once(services, 1, "rabbitmq", tmp_path / "outage", outage=30.0)
            assert result.is_even, f"{result}\n{result.problems}"
            assert result.acked > 1_000
