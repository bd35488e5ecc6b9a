"""What is released, installed into an environment of its own, starts the whole stack with its page."""

import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tests.dataflows.running_flow import wait_until
from tests.smolhog.commands import ROOT, stack_settings

PYTHON = Path("bin/python")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    return Path(next(SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from what the source distribution holds, as an index would have it."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return Path(next(WheelBuilder(str(source)).build(directory=str(folder / "dist"), versions=["standard"])))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with that wheel, and with the packages that the tests have, but for this tree."""
    environment = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", environment / PYTHON, "install", "--quiet"),
            *("--disable-pip-version-check", "--no-deps", "--no-index", wheel),
        ],
        check=True,
    )
    # A path file within a folder that is added by a path file is not read: this tree's is in it.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


@contextmanager
def _up(environment: Path, folder: Path) -> Iterator[dict[str, str]]:
    settings = stack_settings(folder / "data")
    output = folder / "up.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [environment / "bin" / "smolhog", "up"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **settings},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: "Ready." in output.read_text() or process.poll() is not None, "the start", output)
        assert process.poll() is None, output.read_text()
        yield settings
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_an_installed_release_starts_the_stack_and_shows_the_page(installed: Path, tmp_path: Path) -> None:
    """`pip install` and `smolhog up` are all there is to do; nothing comes from this tree."""
    with _up(installed, tmp_path) as settings:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{settings['SMOLHOG_QUERY_PORT']}/", timeout=30
        ) as answer:
            page = answer.read().decode()
        assert 'type="module"' in page
    where = subprocess.run(
        [installed / PYTHON, "-c", "import smolhog, query_api; print(smolhog.__file__, query_api.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(Path(file).is_relative_to(installed) for file in where.stdout.split())


def test_the_source_distribution_has_the_built_page(sdist: Path) -> None:
    """Who builds from it needs no Node."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert "query_api/dashboard/dist/index.html" in names
    assert "LICENSE" in names
    assert not any("node_modules" in name for name in names)
