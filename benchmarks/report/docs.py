"""The latest run in the documentation, between two marks; what people wrote around them stays."""

from pathlib import Path

from benchmarks.report.plots import draw
from benchmarks.report.text import render
from benchmarks.results import Run

DOCS = Path("docs/performance.md")
_BEGIN = "<!-- measured: begin (written by `python -m benchmarks report --docs`) -->"
END = "<!-- measured: end -->"


class MarksMissingError(ValueError):
    """The page does not say where the figures go."""


def write_docs(run: Run, page: Path) -> None:
    """Put a run between the page's marks, and its pictures into ``pictures/`` beside the page.

    Raises:
        MarksMissingError: the page has not both marks, in order; nothing was written.
    """
    before, after = split_at_marks(page, _BEGIN)
    pictures = draw(run, page.parent / "pictures", "performance-", "pictures/")
    page.write_text(f"{before}{_BEGIN}\n\n{render(run, pictures, heading=2)}\n{END}{after}")


def split_at_marks(page: Path, begin: str) -> tuple[str, str]:
    """Return what stands before the line ``begin`` and after the line that ends what was measured.

    Raises:
        MarksMissingError: the page has not both marks, in order.
    """
    before, found, rest = page.read_text().partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise MarksMissingError(f"{page} has no line {begin!r} with {END!r} below it")
    return before, after
