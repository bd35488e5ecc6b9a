"""How a flow ends when a store refuses rows for good."""

import subprocess
import sys


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
