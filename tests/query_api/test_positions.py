"""How far the stores have come, as the query API's metrics show it."""

import httpx
import psycopg

from tests.query_api.conftest import Opening, Stores

LOG = 77


async def lines(api: httpx.AsyncClient) -> set[str]:
    """Return what is shown of positions."""
    answer = await api.get("/metrics")
    assert answer.status_code == 200
    # Flows that ran in this process, in other tests, have left metrics of their own.
    positions = ("smolhog_stored_", "smolhog_flow_done_", "smolhog_flow_starts")
    return {line for line in answer.text.splitlines() if line.startswith(positions)}


async def test_positions_are_shown_as_postgres_has_them(stores: Stores, open_api: Opening) -> None:
    """Each partition of each log, as of the moment of asking; a partition that is gone is not shown."""
    async with open_api(stores) as api:
        assert await lines(api) == set()
        with psycopg.connect(stores.postgres_dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO sink_positions (log_id, log_partition, next_offset, log_time) "
                "VALUES (%s, 0, 12, to_timestamp(1700000000)), (%s, 1, 5, NULL)",
                (LOG, LOG),
            )
            assert await lines(api) == {
                f'smolhog_stored_offset{{log="{LOG}",partition="0"}} 12.0',
                f'smolhog_stored_time_seconds{{log="{LOG}",partition="0"}} 1.7e+09',
                f'smolhog_stored_offset{{log="{LOG}",partition="1"}} 5.0',
            }
            connection.execute("DELETE FROM sink_positions WHERE log_partition = 0")
        assert await lines(api) == {f'smolhog_stored_offset{{log="{LOG}",partition="1"}} 5.0'}


async def test_without_postgres_there_are_metrics_all_the_same(stores: Stores, open_api: Opening) -> None:
    """But no positions: old ones would look like a lag that is none, or hide one."""
    async with open_api(stores) as api:
        assert await lines(api)
    gone = Stores(stores.clickhouse_url, "postgresql://nobody@127.0.0.1:9/nothing")
    async with open_api(gone) as api:
        assert await lines(api) == set()


async def test_flows_are_shown_as_postgres_has_them(stores: Stores, open_api: Opening) -> None:
    """Of each flow its newest version, also while it does not run; one over files that has ended is behind nothing."""
    insert = (
        "INSERT INTO flow_progress (flow, version, log_id, log_partition, phase, next_offset, log_time, done_events) "
        "VALUES (%s, %s, %s, '0', %s, %s, to_timestamp(1700000000), 0)"
    )
    rows = [("kept", 1, "live", 5), ("kept", 2, "live", 9), ("read", 1, "done", 3)]
    async with open_api(stores) as api:
        before = await lines(api)
        with psycopg.connect(stores.postgres_dsn, autocommit=True) as connection:
            for flow, version, phase, offset in rows:
                connection.execute(insert, (flow, version, LOG, phase, offset))
            connection.execute("INSERT INTO flow_runs (flow, starts, started_at) VALUES ('kept', 4, now())")
        labels = f'{{flow="kept",log="{LOG}",partition="0"}}'
        assert await lines(api) - before == {
            f"smolhog_flow_done_offset{labels} 9.0",
            f"smolhog_flow_done_time_seconds{labels} 1.7e+09",
            'smolhog_flow_starts{flow="kept"} 4.0',
        }
        with psycopg.connect(stores.postgres_dsn, autocommit=True) as connection:
            connection.execute("DELETE FROM flow_progress")
            connection.execute("DELETE FROM flow_runs")
        assert await lines(api) == before
