"""The page of SDKs names tests that exist, and says what the tests do."""

import json
import re
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sdks.md").read_text()


def test_every_test_that_the_page_names_exists() -> None:
    """A row without its test is only a promise."""
    named = re.findall(r"`(tests/[\w/]+\.\w+)::(\w+)`", PAGE)
    assert len(named) > 9
    for file, name in named:
        assert re.search(rf"def {name}\(", (ROOT / file).read_text()), f"{file}::{name}"


def test_the_versions_are_those_that_are_tested() -> None:
    """Of npm's packages the locked ones, of Python's the installed ones."""
    locked = json.loads((ROOT / "tests" / "vendors" / "package.json").read_text())["dependencies"]
    rows = re.findall(r"^\| `([\w@/.-]+)` *(\(\w+\))? *\| ([\d.]+) \|", PAGE, re.MULTILINE)
    assert len(rows) == 9
    for name, platform, said in rows:
        is_python = platform == "(Python)" or name not in locked
        found = version(name) if is_python else locked[name]
        assert found.startswith(said + "."), (name, said, found)


def test_the_lock_file_names_no_registry() -> None:
    """Whoever installs decides where from."""
    assert '"resolved"' not in (ROOT / "tests" / "vendors" / "package-lock.json").read_text()
