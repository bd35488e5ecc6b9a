"""Reports: every figure beside its loss check, nothing left out in silence, hand-written text kept."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.machine import this_machine
from benchmarks.report.aims import aims_of
from benchmarks.report.docs import MarksMissingError, write_docs
from benchmarks.report.files import RUN_FILE, latest_report, report_folder, write_report
from benchmarks.results import Group, Latency, LossCheck, Result, Run, Skipped, put_into, read_run, write_run
from benchmarks.rounds import Best

_LATENCY = Latency(100, 1.0, 2.0, 3.0, 4.0, 5.0)


def _result(name: str, group: Group, a_second: float, **more: object) -> Result:
    result = Result(
        name=name,
        title=f"Title of {name}",
        group=group,
        events=1_000,
        seconds=1_000 / a_second,
        checks=(LossCheck("rows", 1_000, 1_000),),
    )
    return replace(result, **more)  # type: ignore[arg-type] # the field's own type, see above


@pytest.fixture
def run() -> Run:
    """A run with a result of every group."""
    return Run(
        kind="run",
        began="2026-01-02T03:04:05+00:00",
        machine=this_machine(),
        results=(
            _result("copy-staged-1", Group.CEILING, 100_000),
            _result("row-at-a-time", Group.BASELINE, 1_000),
            _result(
                "end-to-end-sqlite",
                Group.END_TO_END,
                60_000,
                figures={"CPU µs an event": 20.0, "resident MiB": 1_000.0, "start seconds": 5.0},
                cpu_microseconds={"gateway": 5.0, "dataflow": 15.0},
                timelines={"acknowledged": [(1.0, 500), (2.0, 1_000)], "visible": [(2.5, 1_000)]},
            ),
            _result("shape-late", Group.SHAPE, 50_000, settings={"batch": 100}),
            _result(
                "latency-sqlite-50", Group.LATENCY, 30_000, latencies={"ack": _LATENCY, "visible": _LATENCY}
            ),
            _result("sink-postgres", Group.STAGE, 90_000),
            _result("engine-bytewax", Group.ENGINE, 80_000),
            _result("queries-5", Group.QUERY, 50, latencies={"stats": _LATENCY}),
        ),
        skipped=(Skipped("engine-pathway", "not installed"),),
    )


def test_a_report_that_is_not_there_is_missed_before_anything_is_measured(tmp_path: Path) -> None:
    """And not after an hour of measuring."""
    done = CliRunner().invoke(app, ["stage", "queries", "--full", "--into", str(tmp_path)])
    assert done.exit_code == 2
    assert RUN_FILE in done.output


def test_a_run_survives_its_file(run: Run, tmp_path: Path) -> None:
    """What is written is what is read, so that a report can be made again."""
    write_run(run, tmp_path / "some" / RUN_FILE)
    assert read_run(tmp_path / "some" / RUN_FILE) == run


def test_a_report_tells_every_result_and_every_gap(run: Run, tmp_path: Path) -> None:
    """Each result, what was not measured, and the machine are in the report, with pictures that exist."""
    write_report(run, tmp_path)
    markdown = (tmp_path / "report.md").read_text()
    for result in run.results:
        assert result.title in markdown
    assert "engine-pathway: not installed" in markdown
    assert run.machine.python in markdown
    assert "All 8 loss checks hold" in markdown
    shown = {line.split("](")[1].rstrip(")") for line in markdown.splitlines() if line.startswith("![")}
    assert shown == {file.name for file in tmp_path.glob("*.svg")}
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == len(shown)
    assert "<img" not in page


def test_a_failed_loss_check_is_the_first_thing_to_read(run: Run, tmp_path: Path) -> None:
    """A run that lost events has no other verdict, and says what it lost."""
    lost = replace(run.results[0], checks=(LossCheck("rows", 1_000, 999),))
    write_report(replace(run, results=(lost, *run.results[1:])), tmp_path)
    markdown = (tmp_path / "report.md").read_text()
    assert "1 of 8 loss checks failed" in markdown.split("## Aims")[0]
    assert "rows: 999 of 1,000" in markdown


def test_a_result_without_a_check_does_not_hold(run: Run) -> None:
    """Nothing was shown to be lost, and nothing was shown not to be."""
    assert not replace(run.results[0], checks=()).holds


def test_aims_compare_figures_of_one_run(run: Run) -> None:
    """Ratios come from the run's own ceiling and baseline; what was not measured is not met."""
    reached = {aim.what: (aim.reached, aim.met) for aim in aims_of(run)}
    assert reached["end to end, as a share of bare COPY + INSERT"] == ("0.60", True)
    assert reached["end to end, as a multiple of one INSERT an event"] == ("60 times", True)
    assert reached["CPU of all processes, an event"] == ("20.0 µs", True)
    assert reached["embedded stack, resident"] == ("1,000 MiB", False)
    assert reached["gateway, batches of 100, acknowledged once durable"] == (None, False)


def test_the_page_keeps_what_people_wrote(run: Run, tmp_path: Path) -> None:
    """Only what lies between the marks is replaced, and replaced again by the next run."""
    page = tmp_path / "performance.md"
    repository = Path(__file__).parents[2]
    written = (repository / "docs" / "performance.md").read_text()
    page.write_text(written)
    write_docs(run, page)
    once = page.read_text()
    before, _, rest = written.partition("<!-- measured: begin")
    after = rest.partition("<!-- measured: end -->")[2]
    assert once.startswith(before)
    assert once.endswith(after)
    assert "Title of end-to-end-sqlite" in once
    for picture in (tmp_path / "pictures").iterdir():
        assert f"(pictures/{picture.name})" in once
    write_docs(run, page)
    assert page.read_text() == once


def test_a_page_without_marks_is_left_alone(run: Run, tmp_path: Path) -> None:
    """Nobody's page is overwritten for want of a place in it."""
    page = tmp_path / "performance.md"
    page.write_text("nothing to fill in\n")
    with pytest.raises(MarksMissingError, match=r"performance\.md has no line"):
        write_docs(run, page)
    assert page.read_text() == "nothing to fill in\n"


def test_the_latest_report_is_found_by_its_name(run: Run, tmp_path: Path) -> None:
    """Folders of reports sort by time."""
    assert latest_report(tmp_path) is None
    for began in ("2026-01-02T03:04:05+00:00", "2025-12-31T23:59:59+00:00"):
        write_run(replace(run, began=began), report_folder(tmp_path, replace(run, began=began)) / RUN_FILE)
    latest = latest_report(tmp_path)
    assert latest is not None
    assert latest.name == "2026-01-02T0304-run"


def test_the_best_round_counts_but_for_one_that_lost_events(run: Run) -> None:
    """A faster round replaces a slower one; a round that lost something is never replaced."""
    slow, fast = replace(run.results[0], seconds=2.0), replace(run.results[0], seconds=1.0)
    lossy = replace(run.results[0], seconds=3.0, checks=(LossCheck("rows", 2, 1),))
    best = Best()
    for result, expected in ((slow, slow), (fast, fast), (slow, fast), (lossy, lossy), (fast, lossy)):
        best.add(result)
        assert best.results == [expected]


def test_what_is_measured_again_takes_the_place_of_what_was(run: Run) -> None:
    """And says when; a stage that had been left out is not missing any more."""
    again = _result("shape-late", Group.SHAPE, 70_000)
    added = _result("engine-pathway", Group.ENGINE, 1_000)
    later = replace(run, began="2026-02-03T04:05:06+00:00", results=(again, added), skipped=())
    whole = put_into(run, later)
    assert [result.name for result in whole.results] == [
        *(each.name for each in run.results),
        "engine-pathway",
    ]
    found = whole.find("shape-late")
    assert found is not None
    assert (found.per_second, "2026-02-03" in found.note) == (again.per_second, True)
    assert (whole.began, whole.skipped) == (run.began, ())
