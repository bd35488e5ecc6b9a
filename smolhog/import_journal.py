"""How far an import has come, kept on disk so that it goes on where it stopped."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything up to ``row`` is settled: durable at the gateway, or rejected."""

    row: int = 0
    stored: int = 0
    rejected: int = 0
    rejects_bytes: int = 0
    """Length of the file of rejected rows that belongs to this progress."""
    finished: bool = False


def import_name(content_hash: str, url: str, write_key: str, mapping: Mapping[str, object]) -> str:
    """Name one import: this content, to this project at this gateway, with these columns.

    The key goes into a hash only; it cannot be read from the name.
    """
    parts = json.dumps([content_hash, url, write_key, mapping], sort_keys=True)
    return f"{content_hash[:12]}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


class Journal:
    """The progress of one import, in one small file that is replaced whole."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.json"

    def read(self) -> Progress:
        """Read the progress; none where there is no journal, or one that cannot be read.

        To start over is always right: ids make a repeated row no second event.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Progress)
        except (FileNotFoundError, msgspec.MsgspecError):
            return Progress()

    def write(self, progress: Progress) -> None:
        """Replace the journal, so that it survives a crash of the machine at any moment."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(json.dumps(asdict(progress)).encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
