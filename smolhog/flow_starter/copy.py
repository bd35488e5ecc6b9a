"""Copies the starter under another name."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

_FILES = ("starter.py", "tables/0001_starter.clickhouse.sql", "test_starter.py")


def write_starter(name: str, target: Path) -> Iterator[Path]:
    """Write the starter's files below a folder that does not exist yet, with a flow's name in the place of its own.

    Yields:
        Each file, once it is written.
    """
    source = files("smolhog.flow_starter")
    for file in _FILES:
        written = target / file.replace("starter", name)
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(source.joinpath(file).read_text().replace("starter", name))
        yield written
