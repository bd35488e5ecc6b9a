"""How a flow ends when a store refuses rows for good."""

import subprocess
import sys
from pathlib import Path


def test_a_store_that_refuses_ends_the_flow_with_its_reason() -> None:
    """Bytewax closes the sink of a flow that failed; that must not end the process before it can say why."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.dataflows.failing_store"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "SinkRejectedWrite" in ended.stdout.split(), ended.stdout + ended.stderr


def test_what_no_store_has_is_read_again_however_idle_the_log_is(tmp_path: Path) -> None:
    """Epochs in which nothing comes must not move the offset over messages that are still on their way."""
    said = ""
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-m", "tests.dataflows.silent_store", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        said = ended.stdout
    assert "offset=0" in said, said
