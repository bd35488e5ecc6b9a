"""Rows of an import that were not stored: counted, the first ones shown, all of them written if asked."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

SHOWN = 20
"""Rejected rows that a report lists."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that was not stored, and why."""

    row: int
    line: int
    code: str
    """The gateway's reason, or ``unreadable_row`` where the row never became an event."""
    message: str
    """What is wrong and what to do."""
    raw: str = ""
    """The row, cut, where it could not be read."""


class Rejects:
    """Takes rejected rows in the order of the file.

    Args:
        path: JSON lines file for all of them; ``None`` writes none.
        keep_bytes: how much of the file an earlier run has settled; the rest is cut off and comes again.
    """

    def __init__(self, path: Path | None, keep_bytes: int) -> None:
        self.path = path
        self.first: list[RejectedRow] = []
        self.bytes = keep_bytes
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                # A file that is gone or shorter lost what it had; nothing may stand after a gap.
                self.bytes = min(keep_bytes, file.tell())
                file.truncate(self.bytes)

    def add(self, rows: list[RejectedRow]) -> None:
        """Keep the first of these, and append all to the file, if there is one."""
        self.first += rows[: SHOWN - len(self.first)]
        if self.path is None or not rows:
            return
        text = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
        with self.path.open("ab") as file:
            self.bytes += file.write(text.encode("utf-8", "replace"))
            file.flush()
            # The journal will say that these rows are settled; they must not be lost after that.
            os.fsync(file.fileno())
