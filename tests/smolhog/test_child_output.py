"""What children print, and where it ends up."""

import asyncio
import os
from pathlib import Path

import pytest

from smolhog.child_output import LINE_BYTES, ChildOutput, OutputPipe, RotatingLog, looks_like_error, readable


def test_a_full_log_file_is_rotated_and_old_ones_are_dropped(tmp_path: Path) -> None:
    """Whole lines only, the newest in the file itself, no more files than asked for."""
    log = RotatingLog(tmp_path / "logs" / "a.log", most_bytes=40, kept=2)
    for number in range(20):
        log.write(f"line number {number:02}\n".encode())
    log.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["a.log", "a.log.1", "a.log.2"]
    assert [file.read_text() for file in reversed(files)] == [
        "line number 14\nline number 15\n",
        "line number 16\nline number 17\n",
        "line number 18\nline number 19\n",
    ]


def test_a_log_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    """A restart appends, and counts what is there already towards the size."""
    for text in (b"first\n", b"second\n", b"third\n"):
        log = RotatingLog(tmp_path / "a.log", most_bytes=13, kept=1)
        log.write(text)
        log.close()
    assert (tmp_path / "a.log.1").read_bytes() == b"first\nsecond\n"
    assert (tmp_path / "a.log").read_bytes() == b"third\n"


async def printed(
    tmp_path: Path, text: bytes, *, verbose: bool
) -> tuple[list[tuple[str, bool]], ChildOutput, bytes]:
    """Pump ``text`` as if a child had printed it; return what a person would see, and the log."""
    seen: list[tuple[str, bool]] = []
    log = RotatingLog(tmp_path / "a.log")
    output = ChildOutput(log, lambda line, is_error: seen.append((line, is_error)), verbose=verbose)
    pipe = await OutputPipe.open()
    pumping = asyncio.create_task(output.pump(pipe.reader))
    await asyncio.to_thread(_write_all, pipe.child_end, text)
    pipe.close_child_end()
    await pumping
    pipe.close()
    log.close()
    return seen, output, (tmp_path / "a.log").read_bytes()


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


INFO = b'{"event": "listening", "level": "info", "port": 1, "timestamp": "2024-01-01T00:00:00Z"}\n'
ERROR = b'{"event": "no disk", "level": "error"}\n'


async def test_errors_are_seen_in_any_case(tmp_path: Path) -> None:
    """Without --verbose a person sees errors only; the log file has everything."""
    seen, _, logged = await printed(tmp_path, INFO + ERROR, verbose=False)
    assert seen == [("error no disk", True)]
    assert logged == INFO + ERROR


async def test_verbose_shows_every_line_for_people(tmp_path: Path) -> None:
    """JSON lines are turned into text; a last line without an end is not lost."""
    seen, output, _ = await printed(tmp_path, INFO + b"\xffplain", verbose=True)
    assert seen == [("info listening port=1", False), ("\ufffdplain", False)]
    assert output.last_lines == ("info listening port=1", "\ufffdplain")
    output.begin()
    assert not output.last_lines


async def test_an_endless_line_costs_only_itself(tmp_path: Path) -> None:
    """A line beyond the bound is cut to what fits, and the lines after it are read."""
    seen, _, _ = await printed(tmp_path, b"x" * (3 * LINE_BYTES) + b"\nafter\n", verbose=True)
    assert seen[-1] == ("after", False)
    assert any("too long" in line for line, _ in seen)
    assert sum(len(line) for line, _ in seen) < 2 * LINE_BYTES


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (ERROR, True),
        (b'{"level":"critical"}', True),
        (b"2024-01-01 00:00:00 [error    ] no disk", True),
        (b"2024-01-01 00:00:00 [info     ] a client said [error ]", False),
        (INFO, False),
        (b"2024-01-01 UTC [1] PANIC:  could not write", True),
        (b'{"event": "a client said \\"level\\": error", "level": "info"}', False),
    ],
)
def test_what_counts_as_an_error(line: bytes, *, expected: bool) -> None:
    """The level of a JSON line decides, or PostgreSQL's PANIC."""
    assert looks_like_error(line) is expected


def test_text_that_only_looks_like_json_stays_as_it_is() -> None:
    """Nothing that a child prints can break the supervisor."""
    assert readable("{not json") == "{not json"
