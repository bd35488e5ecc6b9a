"""Which processes run for which settings."""

from pathlib import Path

import pytest

from smolhog.settings import Settings
from smolhog.stack import databases, dataflows, flows, resolve, servers, wanted_ports


def test_embedded_services_run_unless_a_url_replaces_them(tmp_path: Path) -> None:
    """Each is left out by itself, and so is its port."""
    own = Settings(data=tmp_path)
    assert [child.name for child in databases(own)] == ["postgres", "clickhouse"]
    other = Settings(data=tmp_path, postgres_url="postgresql://u@db/x")
    assert [child.name for child in databases(other)] == ["clickhouse"]
    none = Settings(data=tmp_path, postgres_url="postgresql://u@db/x", clickhouse_url="http://ch/x")
    assert databases(none) == []
    assert [port.service for port in wanted_ports(none)] == ["gateway", "query API", "dataflow metrics"]


def test_dataflow_processes_share_the_partitions(tmp_path: Path) -> None:
    """Process i of n gets its number, a name and a metrics port of its own."""
    settings = Settings(data=tmp_path, dataflow_processes=2, metrics_port=9000)
    children = dataflows(settings)
    assert [child.name for child in children] == ["dataflow-0", "dataflow-1"]
    assert children[1].argv[-4:] == ("--index", "1", "--total", "2")
    assert [p.port for p in wanted_ports(settings) if p.service == "dataflow metrics"] == [9000, 9001]


def test_port_zero_becomes_a_free_port_that_all_processes_agree_on(tmp_path: Path) -> None:
    """The supervisor chooses, so that it can ask the gateway whether it is ready."""
    settings = resolve(Settings(data=tmp_path, gateway_port=0, query_port=0, metrics_port=0), tmp_path)
    assert 0 not in (settings.gateway_port, settings.query_port, settings.metrics_port)
    for child in servers(settings):
        assert child.env["SMOLHOG_GATEWAY_PORT"] == str(settings.gateway_port)


def test_secrets_are_not_on_any_command_line(tmp_path: Path) -> None:
    """Every user of the machine can read command lines."""
    settings = Settings(
        data=tmp_path, postgres_url="postgresql://u:hunter2@db/x", amqp_url="amqp://u:hunter2@mq/"
    )
    for child in [*databases(settings), *servers(settings), *dataflows(settings)]:
        assert "hunter2" not in " ".join(child.argv)


@pytest.mark.parametrize("name", ["gateway", "query-api"])
def test_servers_are_told_the_data_folder_in_full(tmp_path: Path, name: str) -> None:
    """A relative folder means the same to every process."""
    settings = resolve(Settings(data=Path("relative")), tmp_path / "relative")
    (child,) = (child for child in servers(settings) if child.name == name)
    assert child.env["SMOLHOG_DATA"] == str(tmp_path / "relative")


def test_flows_run_in_processes_and_on_ports_of_their_own(tmp_path: Path) -> None:
    """Behind everything else, in the order of their names; without any in the settings there is nothing."""
    for name in ("b", "a"):
        (tmp_path / "flows" / name).mkdir(parents=True)
        (tmp_path / "flows" / name / f"{name}.py").touch()
    settings = Settings(data=tmp_path, flows=str(tmp_path / "flows"), flow_metrics_port=9500)
    children = flows(settings)
    assert [child.name for child in children] == ["flow-a", "flow-b"]
    assert children[1].argv[-1] == "9501"
    assert all(child.niceness > dataflows(settings)[0].niceness for child in children)
    assert [p.port for p in wanted_ports(settings) if "of flow " in p.service] == [9500, 9501]
    chosen = resolve(settings.model_copy(update={"flow_metrics_port": 0}), tmp_path)
    assert chosen.flow_metrics_port != 0
    assert flows(Settings(data=tmp_path)) == []
