"""Writes small files so that they are there whole or not at all, also after a power cut."""

import os
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write a file, or replace it; returns once a power cut would leave it as it is now.

    Raises:
        OSError: the disk is full, or the folder cannot be written to; what was there before is there still.
    """
    new = file.with_suffix(".new")
    with new.open("w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(file)
    # The name is the folder's.
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
