"""Running Dart programs against the SDK's packages, without pub."""

import json
import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
SDK = REPOSITORY / "sdk" / "dart"
HERE = Path(__file__).parent
INSTALLED = REPOSITORY / ".venv" / "dart" / "dart"
"""Where `sdk/dart/tool/install_dart.sh` puts the virtual machine."""

_LANGUAGE = "3.3"
"""The oldest that `pubspec.yaml` allows: newer syntax does not compile in the tests."""
_SECONDS = 120


class DartVm:
    """A Dart virtual machine and the packages that programs may import.

    Args:
        program: of the machine.
        folder: for the package map and for compiled programs.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self._packages = folder / "package_config.json"
        # What is not on this machine has a stand-in, which holds just what the SDK uses of it.
        roots = {
            "smolhog": SDK / "smolhog",
            "smolhog_flutter": SDK / "smolhog_flutter",
            **{root.name: root for root in (HERE / "standins").iterdir()},
        }
        packages = [
            {
                "name": name,
                "rootUri": root.as_uri(),
                "packageUri": "lib/",
                "languageVersion": _LANGUAGE,
            }
            for name, root in roots.items()
        ]
        self._packages.write_text(json.dumps({"configVersion": 2, "packages": packages}))

    def command(self, program: Path, *arguments: str) -> list[str]:
        """Build the command line that runs a program, source or compiled."""
        return [
            str(self.program),
            f"--packages={self._packages}",
            "--enable-asserts",
            str(program),
            *arguments,
        ]

    def run(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            self.command(program, *arguments), capture_output=True, text=True, timeout=_SECONDS, check=False
        )

    def compile(self, program: Path) -> tuple[Path, str]:
        """Type-check a program with all that it imports.

        Returns:
            The compiled program and what the compiler complains about; empty if it does not.
        """
        compiled = self.folder / f"{program.stem}.dill"
        finished = subprocess.run(
            [
                str(self.program),
                f"--packages={self._packages}",
                "--snapshot-kind=kernel",
                f"--snapshot={compiled}",
                str(program),
            ],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        words = finished.stdout + finished.stderr
        if finished.returncode != 0 and not words:
            words = f"the compiler ended with {finished.returncode}"
        return compiled, words


def find_dart() -> Path | None:
    """Find a Dart virtual machine: `SMOLHOG_DART`, or the one that `make dart` installs."""
    named = os.environ.get("SMOLHOG_DART")
    candidates = [Path(named)] if named else [INSTALLED]
    return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)
