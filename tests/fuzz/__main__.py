"""Fuzz the decoders with atheris, guided by coverage: ``python -m tests.fuzz [TARGET …] [--seconds N]``.

Each target runs in a process of its own, from the seeds and everything ever found. What makes it fail
is written to ``tests/fuzz/found/TARGET/``, where the ordinary tests try it from then on.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Nothing of ours is imported up here: atheris instruments modules when they are imported.
FOUND = Path(__file__).parent / "found"
_INSTRUMENTED = ["ingest_gateway", "schemas"]
_LONGEST_INPUT = 8192


def main() -> int:
    """Fuzz each target for its share of the time; returns how many failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="which; all by default")
    parser.add_argument("--seconds", type=int, default=240, help="for all together")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments, rest = parser.parse_known_args()
    if arguments.only:
        _fuzz(arguments.only, [*rest, *arguments.targets])
    from tests.fuzz.targets import TARGETS

    names = arguments.targets or list(TARGETS)
    failed = [name for name in names if not _run(name, max(1, arguments.seconds // len(names)))]
    for name in names:
        sys.stdout.write(f"{name}: {'FAILED, see tests/fuzz/found/' + name if name in failed else 'ok'}\n")
    return len(failed)


def _run(name: str, seconds: int) -> bool:
    from tests.fuzz.seeds import seeds

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(name)):
            (Path(folder) / f"{number:04}").write_bytes(seed)
        (FOUND / name).mkdir(parents=True, exist_ok=True)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST_INPUT}",
            f"-artifact_prefix={FOUND / name}/",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]
        return (
            subprocess.run(
                [sys.executable, "-m", "tests.fuzz", "--only", name, *options, folder], check=False
            ).returncode
            == 0
        )


def _fuzz(name: str, options: list[str]) -> None:
    # Not a dependency of the tests: only this program needs it.
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
