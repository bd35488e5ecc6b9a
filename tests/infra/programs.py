"""Programs that the tests of this folder run and that Debian packages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def require(program: str, package: str) -> str:
    """Return the path of a program; without it the test is skipped, but not where every test has to run."""
    found = shutil.which(program)
    if found is None:
        reason = f"needs {program} (Debian: {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}: CI runs every test")
        pytest.skip(reason)
    return found


def run(*command: str | Path, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
