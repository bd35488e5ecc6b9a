"""The SDK as a distribution of its own, and the lines its README begins with."""

import re
import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import smolhog_client
from smolhog_client.named_calls import NamedCalls
from smolhog_client.options import Options, Settings
from tests.sdk.python.gateway_thread import ROOT, GatewayThread, properties_of

SDK = ROOT / "sdk" / "python"


def test_the_quick_start_does_what_it_says(gateway: GatewayThread) -> None:
    """The README's first five lines, with a real address and key, are a whole program."""
    source = re.findall(r"```python\n(.*?)```", (SDK / "README.md").read_text(), re.DOTALL)[0]
    assert len([line for line in source.splitlines() if line]) <= 5
    program = source.replace("http://127.0.0.1:8400", gateway.url).replace("sh_w_...", gateway.key)
    gateway.run(program)
    found = {event.event: (event.distinct_id, properties_of(event)) for event in gateway.stored()}
    assert found == {
        "$identify": ("user-42", {"$set": {"plan": "pro"}}),
        "order_completed": ("user-42", {"amount": 19.9, "currency": "EUR"}),
    }


def test_the_wheel_works_in_an_environment_of_its_own(gateway: GatewayThread, tmp_path: Path) -> None:
    """Built, installed without SmolHog, and given its two dependencies, it sends an event."""
    wheel = Path(next(WheelBuilder(str(SDK)).build(directory=str(tmp_path), versions=["standard"])))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "smolhog_client/py.typed" in names
    assert all(name.startswith(("smolhog_client/", "smolhog_client-")) for name in names)
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python*/site-packages")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--target",
            packages,
            wheel,
        ],
        check=True,
    )
    dependencies = tmp_path / "dependencies"
    dependencies.mkdir()
    for name in ("msgspec", "websockets"):
        (dependencies / name).symlink_to(Path(site.getsitepackages()[0]) / name)
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    program = (
        "import sys, smolhog_client; assert 'site-packages' in smolhog_client.__file__\n"
        "with smolhog_client.SyncClient(sys.argv[1], write_key=sys.argv[2]) as client:\n"
        "    client.track('installed', 'ada')\n"
    )
    subprocess.run([python, "-c", program, gateway.url, gateway.key], check=True, cwd=tmp_path, env={})
    assert [event.event for event in gateway.stored()] == ["installed"]


def test_the_source_distribution_holds_what_it_takes_to_build(tmp_path: Path) -> None:
    """Modules, types, README and the project file, and none of the tests."""
    built = next(SdistBuilder(str(SDK)).build(directory=str(tmp_path), versions=["standard"]))
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    modules = {path.relative_to(SDK).as_posix() for path in SDK.glob("smolhog_client/*.py")}
    assert modules | {"smolhog_client/py.typed", "README.md", "pyproject.toml"} <= names
    assert not [name for name in names if "test" in name]


def test_options_and_settings_name_the_same() -> None:
    """What may be chosen has a value when it is left out, and is explained in the class's text."""
    assert list(Options.__annotations__) == list(Settings.__annotations__)


def test_the_readme_names_every_call() -> None:
    """No public method of the clients is left out."""
    readme = (SDK / "README.md").read_text()
    for client in (smolhog_client.Client, smolhog_client.SyncClient, NamedCalls):
        calls = [
            name
            for name, value in vars(client).items()
            if callable(value) and not name.startswith("_") and name not in ("open", "leave_to_parent")
        ]
        assert [name for name in calls if f"`{name}(" not in readme and f", `{name}(" not in readme] == []
