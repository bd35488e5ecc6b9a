"""What a child process prints: a log file with a bounded size, its last lines, and its errors."""

import asyncio
import json
import os
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

LAST_LINES = 15
# asyncio's StreamReader gives up on longer lines; a traceback's line is never near this.
LINE_BYTES = 256 * 1024

# As JSON, and as structlog prints it for people.
_ERROR = re.compile(rb'"level":\s*"(error|critical)"|^\S+ \S+ \[(error|critical) *\]')


class OutputPipe:
    """A pipe from a child's standard output and error to this event loop.

    Not asyncio's own ``PIPE``: in some versions of Python a process that has ended is reported only
    once nobody holds the pipe any more, so a grandchild could hide a crash.
    """

    def __init__(
        self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport, child_end: int
    ) -> None:
        self.reader = reader
        self.child_end = child_end
        self._transport = transport

    @classmethod
    async def open(cls) -> "OutputPipe":
        """Make the pipe; ``child_end`` is for the child."""
        read_end, child_end = os.pipe()
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
        )
        return cls(reader, transport, child_end)

    def close_child_end(self) -> None:
        """Let go of the child's end, so that the pipe ends with the child."""
        os.close(self.child_end)

    def close(self) -> None:
        """Stop reading."""
        self._transport.close()


class RotatingLog:
    """A log file that is renamed to ``.1`` when full; the older ones become ``.2`` and so on.

    Args:
        file: where lines go.
        most_bytes: size at which a new file begins.
        kept: older files that are kept.
    """

    def __init__(self, file: Path, *, most_bytes: int = 10 * 1024**2, kept: int = 3) -> None:
        self.file = file
        self._most_bytes = most_bytes
        self._kept = kept
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def write(self, line: bytes) -> None:
        """Append one line, which ends with a newline."""
        if self._size and self._size + len(line) > self._most_bytes:
            self._rotate()
        self._handle.write(line)
        self._size += len(line)

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _open(self) -> None:
        # Unbuffered: who follows the file after a crash of the machine sees the last line.
        self._handle: BinaryIO = self.file.open("ab", buffering=0)
        self._size = self._handle.tell()

    def _rotate(self) -> None:
        self._handle.close()
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self.file.replace(self._numbered(1))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self.file.with_name(f"{self.file.name}.{number}")


class ChildOutput:
    """Reads one child's output: into its log file, and line by line to whoever shows it.

    Args:
        log: the child's log file.
        on_line: called with each line that a person should see, and whether it is an error.
        verbose: whether to show all lines, or errors only.
    """

    def __init__(self, log: RotatingLog, on_line: Callable[[str, bool], None], *, verbose: bool) -> None:
        self._log = log
        self._on_line = on_line
        self._verbose = verbose
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The newest lines since :meth:`begin`, oldest first, as a person reads them."""
        return tuple(self._last)

    def begin(self) -> None:
        """A new process starts: what the last one said does not explain this one's end."""
        self._last.clear()

    async def pump(self, stream: asyncio.StreamReader) -> None:
        """Read until the child closes its output."""
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                # One line over LINE_BYTES; the reader has thrown it away, the next lines are fine.
                line = b"(a line too long to keep)\n"
            if not line:
                return
            self._log.write(line if line.endswith(b"\n") else line + b"\n")
            text = readable(line.decode("utf-8", "replace").rstrip())
            self._last.append(text)
            is_error = looks_like_error(line)
            if self._verbose or is_error:
                self._on_line(text, is_error)


def looks_like_error(line: bytes) -> bool:
    """Whether a line of one of our children should be seen by a person in any case."""
    return bool(_ERROR.search(line)) or b" PANIC: " in line


def readable(line: str) -> str:
    """Turn a JSON log line into ``message key=value …``; any other line stays as it is."""
    if not line.startswith("{"):
        return line
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    message = entry.pop("event", "")
    level = entry.pop("level", "")
    for known in ("timestamp", "process"):
        entry.pop(known, None)
    pairs = " ".join(f"{key}={value}" for key, value in entry.items())
    return " ".join(part for part in (str(level), str(message), pairs) if part)
