"""Follows a page of the documentation word by word, in a folder of its own.

Blocks of code say by their first line what they are:

* ``title="path"``: a file of this content;
* ``sh``: commands of one shell, whose variables stay;
* ``sh background``: a command in a terminal of its own, which goes on; ``sh restart`` stops those that run before;
* ``sh retry``: commands that are run until they print what the page says;
* ``text``: lines that the commands before it print, in this order, each perhaps with more around it.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATIENCE_SECONDS = 120.0


class Block(NamedTuple):
    """A block of code."""

    language: str
    option: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    """Return all blocks that name a language."""
    return [Block(found[1], found[2].strip(), found[3]) for found in _BLOCK.finditer(page.read_text())]


class Walkthrough:
    """Does what a page says.

    Args:
        folder: empty.
        environment: of all commands.
        instead: what stands on the page -> what is meant here, such as ports.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], instead: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._instead = instead
        self._running: list[subprocess.Popen[bytes]] = []
        self._output = folder / "nothing"
        self._again: str | None = None
        self.done = 0

    def follow(self, blocks: list[Block]) -> None:
        """Do everything, in order; fails where something is not as the page says."""
        for block in blocks:
            if block.option.startswith("title="):
                file = self._folder / block.option.removeprefix("title=").strip('"')
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text)
            elif block.language == "sh":
                self._do(block)
            elif block.language == "text":
                self._expect(block.text)
            else:
                raise AssertionError(f"nobody knows what to do with {block}")
            self.done += 1

    def close(self) -> None:
        """Stop what runs, the last started first, as Ctrl-C does."""
        for process in reversed(self._running):
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def _do(self, block: Block) -> None:
        text = block.text
        for said, meant in self._instead.items():
            text = text.replace(said, meant)
        self._again = None
        self._output = self._folder.parent / f"output-{self.done}"
        if block.option in {"background", "restart"}:
            if block.option == "restart":
                self.close()
            with self._output.open("wb") as output:
                self._running.append(
                    subprocess.Popen(
                        ["/bin/bash", "-c", text],
                        cwd=self._folder,
                        env=self._environment,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )
                )
            return
        self._run(text)
        if block.option == "retry":
            self._again = text

    def _run(self, text: str) -> None:
        kept = self._folder.parent / "variables"
        done = subprocess.run(
            ["/bin/bash", "-e", "-c", f"{text}\nexport -p > {kept}"],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{text}\nsaid:\n{done.stdout}{done.stderr}"
        self._output.write_text(done.stdout + done.stderr)
        for name, value in re.findall(r'^declare -x (\w+)="(.*)"$', kept.read_text(), re.MULTILINE):
            self._environment[name] = value

    def _expect(self, text: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _stands_in(text, self._output.read_text(errors="replace")):
            found = self._output.read_text(errors="replace")
            assert time.monotonic() < deadline, f"the page says:\n{text}\nand it was:\n{found}"
            time.sleep(0.2)
            if self._again is not None:
                self._run(self._again)
            else:
                assert self._running, f"the page says:\n{text}\nand it was:\n{found}"


def _stands_in(text: str, output: str) -> bool:
    """Whether all lines of a text stand in an output, in order."""
    begin = 0
    for line in text.splitlines():
        place = output.find(line, begin)
        if place < 0:
            return False
        begin = place + len(line)
    return True


def shell_path() -> str:
    """Return a PATH on which our own commands come first."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
