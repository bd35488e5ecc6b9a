"""Where reports lie: a folder for each run, with its figures as JSON, Markdown, HTML and pictures."""

from pathlib import Path

from benchmarks.report.page import page_of
from benchmarks.report.plots import draw
from benchmarks.report.text import render
from benchmarks.results import Run

REPORTS = Path("benchmarks/reports")
RUN_FILE = "run.json"


def report_folder(reports: Path, run: Run) -> Path:
    """Return the folder of a run's report: its date and time, and its kind."""
    return reports / f"{run.began[:16].replace(':', '')}-{run.kind}"


def latest_report(reports: Path) -> Path | None:
    """Return the folder of the latest run, if there is one."""
    return max((file.parent for file in reports.glob(f"*/{RUN_FILE}")), default=None)


def write_report(run: Run, folder: Path) -> None:
    """Write ``report.md`` and ``report.html`` with their pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    markdown = render(run, draw(run, folder, ""))
    (folder / "report.md").write_text(markdown)
    (folder / "report.html").write_text(page_of(markdown, folder, f"SmolHog, measured on {run.began[:10]}"))
