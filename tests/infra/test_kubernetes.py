"""The Kubernetes manifests say only what Kubernetes, our settings and our command line understand."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml

from smolhog.cli import app
from smolhog.settings import Settings
from smolhog.settings_loading import known_variables, load_settings
from tests.infra.compose import INFRA, ROOT, ours, settings_of
from tests.infra.programs import run

FOLDER = INFRA / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    found for name in KUSTOMIZATION["resources"] for found in yaml.safe_load_all((FOLDER / name).read_text())
]
SETTINGS: dict[str, str] = next(found["data"] for found in OBJECTS if found["kind"] == "ConfigMap")
VERSIONS = ("1.29", "1.37")
PORTS = {"gateway": "gateway_port", "query-api": "query_port", "dataflow": "metrics_port"}


def name_of(found: dict[str, Any]) -> str:
    """Return kind and name."""
    return f"{found['kind']} {found['metadata']['name']}"


WORKLOADS = [found for found in OBJECTS if "template" in found.get("spec", {})]
CONTAINERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (found, container)
    for found in WORKLOADS
    for kind in ("initContainers", "containers")
    for container in found["spec"]["template"]["spec"].get(kind, [])
]


def words_of(container: dict[str, Any]) -> list[str]:
    """Return the words of our command line that a container starts."""
    if "command" not in container:
        return list(container["args"])
    _, _, words = container["args"][0].partition("exec smolhog ")
    values = variables_of(container) | {"POD_INDEX": "0"}
    return [values[word.strip('"$')] if word.startswith('"$') else word for word in words.split()]


def variables_of(container: dict[str, Any]) -> dict[str, str]:
    """Return the environment that a container is given, but for what the cluster fills in."""
    assert container["envFrom"] == [{"configMapRef": {"name": "smolhog"}}]
    return SETTINGS | {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", OBJECTS, ids=name_of)
def test_kubernetes_knows_every_field(found: dict[str, Any], version: str) -> None:
    """By its own schemas, in the oldest version that we name and the newest that we know."""
    kubernetes_validate.validate(found, version, strict=True)


def test_kustomize_takes_every_file_and_one_image() -> None:
    """Nothing lies beside it unused; the image has the version of the package, and no other is named."""
    assert {file.name for file in FOLDER.iterdir()} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert [(image["name"], image["newTag"]) for image in KUSTOMIZATION["images"]] == [("smolhog", version)]
    assert {container["image"] for _, container in CONTAINERS} == {"smolhog"}


def test_every_variable_is_a_setting_and_every_command_one_of_ours() -> None:
    """A misspelt variable would be ignored in silence; a command parses, options and values and all."""
    group: Any = typer.main.get_command(app)
    for _, container in CONTAINERS:
        named = {name for name in variables_of(container) if name.startswith("SMOLHOG_")}
        assert named <= known_variables()
        words = words_of(container)
        context = group.commands[words[0]].make_context(words[0], words[1:])
        assert not context.args


@pytest.mark.parametrize(
    ("found", "container"), CONTAINERS, ids=[f"{name_of(found)} {each['name']}" for found, each in CONTAINERS]
)
def test_every_process_can_read_its_settings(
    found: dict[str, Any], container: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With just the secrets that its pod mounts: those that infra/make-secrets makes, as compose gives them."""
    monkeypatch.chdir(tmp_path)
    for name in known_variables():
        monkeypatch.delenv(name, raising=False)
    made = run("sh", INFRA / "make-secrets", tmp_path / "made")
    assert made.returncode == 0, made.stderr
    (volume,) = (each for each in found["spec"]["template"]["spec"]["volumes"] if each["name"] == "secrets")
    names = {item["path"] for item in volume["secret"]["items"]}
    assert names == {item["key"] for item in volume["secret"]["items"]}
    compose = {"dataflow": "dataflow-0"}.get(found["metadata"]["name"], found["metadata"]["name"])
    assert names == set(ours()[compose]["secrets"])
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for name in names:
        (mounted / name).write_text((tmp_path / "made" / name).read_text())
    for name, value in variables_of(container).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SMOLHOG_SECRETS", str(mounted))
    assert load_settings().postgres_url is not None
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    assert {SETTINGS["SMOLHOG_DATA"], SETTINGS["SMOLHOG_SECRETS"], "/tmp"} == mounts


def test_what_compose_fixes_is_fixed_alike() -> None:
    """Partitions, retention, limits of memory."""
    shared = settings_of(ours()["gateway"])
    for name, value in SETTINGS.items():
        assert name == "SMOLHOG_SECRETS" or shared[name] == value, name
    sizes = {"512m": "512Mi", "1g": "1Gi", "256m": "256Mi"}
    for _, container in CONTAINERS:
        name = {"dataflow": "dataflow-0"}.get(container["name"], container["name"])
        assert container["resources"]["limits"]["memory"] == sizes[ours()[name]["mem_limit"]], name


def listening() -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield name, container and port of each server."""
    for found in WORKLOADS:
        (container,) = found["spec"]["template"]["spec"]["containers"]
        name = found["metadata"]["name"]
        yield name, container, int(Settings.model_fields[PORTS[name]].default)


def test_probes_and_services_ask_where_processes_listen() -> None:
    """The port of each server is that of its settings, by one name in container, probes and service."""
    services = {found["metadata"]["name"]: found["spec"] for found in OBJECTS if found["kind"] == "Service"}
    for name, container, port in listening():
        assert container["ports"] == [{"name": "http", "containerPort": port}]
        setting = f"SMOLHOG_{PORTS[name].removesuffix('_port').upper()}"
        variables = variables_of(container)
        assert variables[f"{setting}_HOST"] == "0.0.0.0"
        assert name == "dataflow" or variables[f"{setting}_PORT"] == str(port)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] == "http"
            assert container[probe]["httpGet"]["path"] in {"/health/live", "/health/ready"}
        assert services[name]["ports"] == [{"name": "http", "port": port, "targetPort": "http"}]
    for found in WORKLOADS:
        labels = found["spec"]["template"]["metadata"]["labels"]
        assert services[found["metadata"]["name"]]["selector"] == labels
        assert found["spec"]["selector"]["matchLabels"] == labels


def test_each_partition_is_served_by_the_pod_of_its_number(tmp_path: Path) -> None:
    """The shell line is run with each number: index, total, and a port of metrics that comes to the same."""
    (flow,) = (found for found in WORKLOADS if found["metadata"]["name"] == "dataflow")
    (container,) = flow["spec"]["template"]["spec"]["containers"]
    total = int(variables_of(container)["DATAFLOWS"])
    assert total == flow["spec"]["replicas"] == int(SETTINGS["SMOLHOG_PARTITIONS"])
    fake = tmp_path / "smolhog"
    fake.write_text('#!/bin/sh\necho "$* $SMOLHOG_METRICS_PORT"\n')
    fake.chmod(0o755)
    for index in range(total):
        given = {"POD_INDEX": str(index), "DATAFLOWS": str(total), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = run(
            "env",
            *(f"{name}={value}" for name, value in given.items()),
            *container["command"],
            *container["args"],
        )
        said = re.fullmatch(r"dataflow --index (\d) --total (\d) (\d+)\n", done.stdout)
        assert said is not None, done.stdout + done.stderr
        assert (int(said[1]), int(said[2])) == (index, total)
        assert int(said[3]) + index == 8410


def test_pods_may_do_nothing_that_they_need_not() -> None:
    """No root, no writable file system, no capabilities, no token of the cluster; every process is bounded."""
    for found in WORKLOADS:
        pod = found["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
    for _, container in CONTAINERS:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
