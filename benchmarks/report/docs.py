"""The latest run in the documentation, between two marks; what people wrote around them stays."""

from pathlib import Path

from benchmarks.report.plots import draw
from benchmarks.report.text import render
from benchmarks.results import Run

DOCS = Path("docs/performance.md")
_BEGIN = "<!-- measured: begin (written by `python -m benchmarks report --docs`) -->"
_END = "<!-- measured: end -->"


class MarksMissingError(ValueError):
    """The page does not say where the figures go."""


def write_docs(run: Run, page: Path) -> None:
    """Put a run between the page's marks, and its pictures into ``pictures/`` beside the page.

    Raises:
        MarksMissingError: the page has not both marks, in order; nothing was written.
    """
    text = page.read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise MarksMissingError(f"{page} has no line {_BEGIN!r} with {_END!r} below it")
    pictures = draw(run, page.parent / "pictures", "performance-", "pictures/")
    page.write_text(f"{before}{_BEGIN}\n\n{render(run, pictures, heading=2)}\n{_END}{after}")
