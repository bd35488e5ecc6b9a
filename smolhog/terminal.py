"""How the command line talks to a person: notices of children, errors, and keys that are shown once."""

import json
import sys
import webbrowser
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from smolhog.child import Notice, NoticeKind
from smolhog.errors import SmolHogError
from smolhog.first_keys import ProjectKeys

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)

_COLOURS = ("cyan", "magenta", "blue", "green", "yellow", "bright_cyan", "bright_magenta", "bright_blue")
_STYLES = {
    NoticeKind.READY: "green",
    NoticeKind.SLOW: "yellow",
    NoticeKind.ENDED: "yellow",
    NoticeKind.STUCK: "red",
    NoticeKind.KILLED: "yellow",
    NoticeKind.ERROR: "red",
}
# Without --verbose, a start needs no line of its own: "ready" follows, or a complaint.
_QUIET = {NoticeKind.STARTING, NoticeKind.LINE}


def print_json(value: Any) -> None:
    """Print what a command found or did, for programs.

    Args:
        value: a dataclass, a list of them, or what JSON has; times and paths become text.
    """
    sys.stdout.write(json.dumps(value, default=_plain, indent=2) + "\n")


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


class NoticePrinter:
    """Prints notices with the child's name in its colour.

    Args:
        console: where to; a live panel has its own.
        verbose: print starts and plain output too.
    """

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._colours: dict[str, str] = {}

    def __call__(self, notice: Notice) -> None:
        """Print one notice, and under it the child's own lines."""
        if notice.kind in _QUIET and not self._verbose:
            return
        colour = self._colours.setdefault(notice.child, _COLOURS[len(self._colours) % len(_COLOURS)])
        style = _STYLES.get(notice.kind, "default")
        # A terminal that was closed must not keep the children from being stopped in order.
        with suppress(OSError):
            self._console.print(
                f"[{colour}]{escape(notice.child):>10}[/] | [{style}]{escape(notice.text)}[/]"
            )
            for line in notice.lines:
                self._console.print(f"[dim]{'':>10} |   {escape(line)}[/]")


def open_page(url: str) -> None:
    """Show an address in the browser of whoever sits here; where there is none, say so."""
    if not webbrowser.open(url):
        OUT.print("There is no browser here; open the address on a machine that has one.")


def print_error(error: SmolHogError) -> None:
    """Print what is the matter and what to do about it."""
    first, *rest = error.message.splitlines()
    ERR.print(f"[red]smolhog: {escape(first)}[/]")
    for line in rest:
        ERR.print(f"[red]         {escape(line)}[/]")
    if error.advice:
        ERR.print(escape(error.advice))


def print_first_keys(keys: ProjectKeys) -> None:
    """Show the secrets of a new project, on a terminal only: elsewhere they would stay in a log."""
    if not sys.stdout.isatty():
        OUT.print(
            f'The project "{keys.project}" was made. Its keys are not printed where output is kept; '
            f"make one with: smolhog keys create {keys.project} --kind write"
        )
        return
    # Plain lines: a frame would wrap or cut a key on a narrow terminal, and be copied along.
    OUT.print(f'Keys of the project "{escape(keys.project)}":')
    OUT.print(f"  write key  [bold]{keys.write_key}[/]   goes into your app")
    OUT.print(f"  read key   [bold]{keys.read_key}[/]   opens the query API")
    OUT.print("  [yellow]Keep them now: they are stored as hashes and cannot be shown again.[/]")
