"""The command line of imports: what it prints and how it exits."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from smolhog.commands_import import import_command
from tests.sdk.python.scripted_gateway import scripted_gateway, store_everything

app = typer.Typer()
app.command()(import_command)


@pytest.fixture
def gateway_url() -> Iterator[str]:
    """A gateway in a thread of its own, since the command runs its own event loop."""
    started, urls = threading.Event(), []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with scripted_gateway(store_everything) as gateway:
            urls.append(gateway.url)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    yield urls[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.mark.parametrize(
    ("rows", "code", "says"),
    [
        ("a,u,2026-01-01\nb,u,2026-01-01\n", 0, "stored"),
        ("a,u,2026-01-01\nb,u,never\n", 1, "line 3: 'never' is not a time"),
    ],
)
def test_the_exit_code_tells_whether_all_was_stored(
    tmp_path: Path, gateway_url: str, rows: str, code: int, says: str
) -> None:
    """0 when all rows are stored, 1 when some were rejected, which are listed."""
    file = tmp_path / "events.csv"
    file.write_text("event,user_id,timestamp\n" + rows)
    result = CliRunner().invoke(
        app, [str(file), "--url", gateway_url, "--state", str(tmp_path)], env={"SMOLHOG_WRITE_KEY": "key"}
    )
    assert (result.exit_code, says in result.output) == (code, True), result.output


def test_gateway_and_state_are_those_of_the_settings(tmp_path: Path, gateway_url: str) -> None:
    """Whoever changed a port or the data folder need not say so again."""
    file = tmp_path / "events.csv"
    file.write_text("event,user_id,timestamp\na,u,2026-01-01\n")
    environment = {
        "SMOLHOG_WRITE_KEY": "key",
        "SMOLHOG_GATEWAY_PORT": gateway_url.rpartition(":")[2],
        "SMOLHOG_DATA": str(tmp_path / "data"),
    }
    result = CliRunner().invoke(app, [str(file)], env=environment)
    assert result.exit_code == 0, result.output
    assert list((tmp_path / "data" / "imports").iterdir())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["events.csv", "--key", "k", "--map", "nonsense"], "write FIELD=COLUMN"),
        (["events.csv", "--key", "k", "--timezone", "Mars/Olympus"], "no such zone"),
        (["events.csv", "--key", "k", "--url", "ftp://host"], "url must be like"),
        (["missing.csv", "--key", "k"], "No such file"),
        (["events.csv"], "SMOLHOG_WRITE_KEY"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    """Exit code 2, and no traceback."""
    monkeypatch.chdir(tmp_path)
    Path("events.csv").write_text("event,user_id,timestamp\na,u,2026-01-01\n")
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert (result.exit_code, says in result.output) == (2, True), result.output
    assert "Traceback" not in result.output


def test_a_second_run_says_that_all_is_there(tmp_path: Path, gateway_url: str) -> None:
    """Importing again sends nothing and says so."""
    file = tmp_path / "events.csv"
    file.write_text("event,user_id,timestamp\na,u,2026-01-01\n")
    arguments = [str(file), "--key", "k", "--url", gateway_url, "--state", str(tmp_path)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0
    assert "was imported before" in again.output
