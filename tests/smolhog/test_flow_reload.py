"""A program that is started again when its files change."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smolhog.flow_reload import flow_sources, run_reloading
from tests.dataflows.running_flow import wait_until


@contextmanager
def reloading(folder: Path, said: list[str]) -> Iterator[None]:
    """Run a flow's file as a program in a thread; the end of the block is Ctrl-C."""
    stop = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if stop.is_set():
            raise KeyboardInterrupt

    def run() -> None:
        with pytest.raises(KeyboardInterrupt):
            run_reloading([sys.executable, str(folder / "flow.py")], folder / "flow.py", say)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        (folder / "flow.py").write_text("# the last change\n")
        thread.join(60)
    assert not thread.is_alive()


def test_it_starts_again_when_a_file_changes(tmp_path: Path) -> None:
    """The flow's own file, one beside it, or its SQL; one that ended waits for a change."""
    runs = tmp_path / "runs"
    text = f"open({str(runs)!r}, 'a').write('started\\n')\nimport time\ntime.sleep(600)\n"
    (tmp_path / "flow.py").write_text(text)
    (tmp_path / "tables").mkdir()
    said: list[str] = []

    def started(times: int) -> bool:
        return runs.exists() and runs.read_text().count("started") == times

    with reloading(tmp_path, said):
        wait_until(lambda: started(1), "the first start")
        (tmp_path / "tables" / "0001_start.clickhouse.sql").write_text("SELECT 1;")
        wait_until(lambda: started(2), "a start after a change of SQL")
        (tmp_path / "flow.py").write_text("raise SystemExit(3)\n")
        wait_until(lambda: any("exit code 3" in line for line in said), "its end being said")
        (tmp_path / "flow.py").write_text(text)
        wait_until(lambda: started(3), "a start after it was mended")
    assert "0001_start.clickhouse.sql changed; starting again." in said


def test_other_files_are_none_of_its_sources(tmp_path: Path) -> None:
    """What a flow writes beside itself must not start it again."""
    for name in ("flow.py", "notes.txt", "tables/0001_a.postgres.sql", "tables/deep/other.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {file.name for file in flow_sources(tmp_path / "flow.py")} == {"flow.py", "0001_a.postgres.sql"}
