"""The compose file says only what compose, our settings and our command line understand."""

import re
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer

from smolhog.cli import app
from smolhog.settings import Settings
from smolhog.settings_loading import OTHER_VARIABLES, known_variables, load_settings
from tests.infra.compose import FILE, INFRA, ROOT, VARIABLE, load, ours, services, settings_of
from tests.infra.programs import run

SMOLHOG = r"SMOLHOG_[A-Z_]+"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without smolhog.toml, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in known_variables():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What infra/make-secrets makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    made = run("sh", INFRA / "make-secrets", folder)
    assert made.returncode == 0, made.stderr
    return folder


def test_it_is_a_compose_file() -> None:
    """The schema of the compose specification finds nothing wrong."""
    checked = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_images_are_pinned_and_ours_has_the_version_of_the_package() -> None:
    """No image changes by itself."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in services().items():
        repository, _, tag = service["image"].rpartition(":")
        assert repository, name
        assert re.match(r"v?\d+\.\d+(\.\d+)+", tag) or repository == "postgres", service["image"]
    assert {service["image"] for service in ours().values()} == {f"smolhog:{version}"}
    assert services()["postgres"]["image"].startswith("postgres:17.")


def test_every_variable_is_a_setting() -> None:
    """A misspelt variable would be ignored in silence, in the file and in its example of variables."""
    known = known_variables()
    for file in (FILE, INFRA / ".env.example", INFRA / "Dockerfile"):
        named = set(re.findall(SMOLHOG, file.read_text())) - {"SMOLHOG_"}
        assert named <= known, (file.name, named - known)


def test_every_variable_of_the_operator_is_in_the_example() -> None:
    """infra/.env.example shows each variable that the file takes, with its default: that of the setting.

    But for partitions: a server gets enough of them for as many processes as there are profiles for.
    """
    example = (INFRA / ".env.example").read_text()
    for name, default in VARIABLE.findall(FILE.read_text()):
        assert f"\n{name}={default}\n" in example, name
        setting = Settings.model_fields.get(name.removeprefix("SMOLHOG_").lower())
        if name == "SMOLHOG_PARTITIONS":
            assert int(default) >= len([service for service in ours() if service.startswith("dataflow-")])
        elif setting is not None:
            assert str(setting.default) == default


@pytest.mark.parametrize("name", ours())
def test_every_command_is_one_of_the_command_line(name: str) -> None:
    """It parses, options and values and all."""
    words = ours({"SMOLHOG_DATAFLOW_PROCESSES": "4"})[name]["command"]
    group: Any = typer.main.get_command(app)
    context = group.commands[words[0]].make_context(words[0], list(words[1:]))
    assert not context.args


@pytest.mark.parametrize("name", ours())
def test_every_process_can_read_its_settings(
    name: str, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With just the secrets that it is given; none of them stands in the file."""
    service = ours()[name]
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for secret in service["secrets"]:
        source = secrets / Path(load()["secrets"][secret]["file"]).name
        (mounted / secret).write_text(source.read_text())
    for variable, value in settings_of(service).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("SMOLHOG_SECRETS", str(mounted))
    settings = load_settings()
    assert settings.postgres_url is not None
    assert urlsplit(settings.postgres_url).hostname == "postgres"
    assert {secret.removeprefix("smolhog_") for secret in service["secrets"]} <= Settings.model_fields.keys()
    for host, url in (("clickhouse", settings.clickhouse_url), ("rabbitmq", settings.amqp_url)):
        assert url is None or url.host == host


def test_health_checks_ask_where_the_process_listens() -> None:
    """The port in the check is the one that the settings give, and so is the port that is published."""
    for name, service in ours().items():
        if service["healthcheck"].get("disable"):
            continue
        settings = settings_of(service)
        kind = {"gateway": "GATEWAY", "query-api": "QUERY"}.get(name, "METRICS")
        index = int(name.rpartition("-")[2]) if kind == "METRICS" else 0
        port = int(settings[f"SMOLHOG_{kind}_PORT"]) + index
        assert settings[f"SMOLHOG_{kind}_HOST"] == "0.0.0.0"
        assert urlsplit(service["healthcheck"]["test"][-1]).port == port
        for published in service.get("ports", []):
            assert published.startswith("127.0.0.1:")
            assert published.endswith(f":{port}:{port}")
        assert port == Settings.model_fields[f"{kind.lower()}_port"].default + index


def test_dataflow_processes_differ_in_their_number_only() -> None:
    """With as many processes as a profile starts, each partition is served once."""
    for total, profile in ((1, None), (2, "dataflows-2"), (4, "dataflows-4")):
        running = [
            service
            for name, service in ours({"SMOLHOG_DATAFLOW_PROCESSES": str(total)}).items()
            if name.startswith("dataflow-") and profile in service.get("profiles", [profile])
        ]
        indices = sorted(int(service["command"][2]) for service in running)
        assert indices == list(range(total))
        assert {service["command"][4] for service in running} == {str(total)}


def test_flows_are_read_from_a_folder_beside_the_file() -> None:
    """By its profile alone; what they write is in a volume that no other service has."""
    service = ours()["flows"]
    assert service["profiles"] == ["flows"]
    assert settings_of(service)["SMOLHOG_FLOWS"] == "/flows"
    assert "./flows:/flows:ro" in service["volumes"]
    others = [each for name, each in ours().items() if name != "flows"]
    assert not any("flows:/data" in each.get("volumes", []) for each in others)
    port = settings_of(service)["SMOLHOG_FLOW_METRICS_PORT"]
    assert port == str(Settings.model_fields["flow_metrics_port"].default)


def test_whatever_waits_for_health_has_something_to_wait_for() -> None:
    """A condition on a service without a health check, or that never ends, would wait for ever."""
    everything = services()
    for service in everything.values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in everything[name]["healthcheck"]
            if how["condition"] == "service_completed_successfully":
                assert name == "migrate"


def test_every_service_is_bounded_and_watched() -> None:
    """Memory, logs and privileges have a limit; what is mounted exists, and state is in a volume."""
    compose = load()
    for name, service in compose["services"].items():
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (INFRA / source).exists(), mount
            elif not source.startswith("/"):
                assert source in compose["volumes"], mount
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in compose["secrets"], name
        assert set(service["networks"]) <= compose["networks"].keys()
    for name, service in ours().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        writes = settings_of(service)["SMOLHOG_DATA"]
        assert name == "migrate" or any(mount.endswith(f":{writes}") for mount in service["volumes"])


def test_nothing_but_the_two_servers_and_what_people_look_at_is_published() -> None:
    """Stores are on a network that has no way out, and publish nothing."""
    assert {name for name, service in services().items() if "ports" in service} == {
        "gateway",
        "query-api",
        "prometheus",
        "grafana",
        "jaeger",
    }
    assert load()["networks"]["inside"]["internal"]
    for store in ("postgres", "clickhouse", "rabbitmq"):
        assert services()[store]["networks"] == ["inside"]


def test_secrets_are_made_once(secrets: Path) -> None:
    """All that the file names, never the same twice, and never over what is there."""
    named = {Path(secret["file"]).name for secret in load()["secrets"].values()}
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    assert named <= before.keys()
    assert len({before[name] for name in before if name.endswith("_password")}) == 4
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    (secrets / "grafana_password").unlink()
    again = run("sh", INFRA / "make-secrets", secrets)
    assert again.returncode == 0, again.stderr
    after = {file.name: file.read_text() for file in secrets.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"grafana_password"}


def test_passwords_are_nowhere_in_the_file() -> None:
    """URLs with passwords come from files."""
    for name, service in services().items():
        for variable, value in settings_of(service).items():
            assert "://" not in value, (name, variable)
            if "PASSWORD" in variable:
                assert value.startswith("/run/secrets/"), (name, variable)
    assert "SMOLHOG_SECRETS" in OTHER_VARIABLES
