"""What the demo shows."""

from io import StringIO

from rich.console import Console

from smolhog.demo_state import DemoState, SeenEvent, line, panel, summary


def state() -> DemoState:
    """A demo that has run for a while."""
    shown = DemoState("http://gateway", "http://dashboard", "sh_r_0")
    shown.acked, shown.stored, shown.rejected = 1500, 1400, 2
    return shown


def test_the_rate_is_that_of_the_last_samples() -> None:
    """Acknowledged events over time; nothing before the second sample."""
    shown = state()
    shown.acked = 100
    shown.sample(10.0)
    assert shown.rate == 0
    shown.acked = 400
    shown.sample(12.0)
    assert shown.rate == 150


def test_a_line_has_all_figures_and_the_trouble() -> None:
    """For outputs that are no terminal."""
    shown = state()
    assert line(shown, 3) == "   3.0 s  1,500 acknowledged (0/s)  1,400 stored  2 rejected"
    shown.trouble = "no answer"
    assert line(shown, 3).endswith("(no answer)")


def test_the_summary_says_whether_everything_arrived() -> None:
    """The promise of the pipeline, counted."""
    shown = state()
    assert "1,400 stored: 100 not counted yet; 2 rejected" in summary(shown, 10)
    shown.stored = 1500
    assert summary(shown, 10) == (
        "1,500 events acknowledged in 10.0 s (150/s), 1,500 stored: all of them; 2 rejected."
    )


def test_what_events_contain_cannot_break_the_panel() -> None:
    """Names and properties come from anywhere and are shown as they are."""
    shown = state()
    shown.top = [("[red]checkout[/red]", 3), ("[/]", 0)]
    shown.last = [SeenEvent("12:00:00", "[bold]", "[/blue]", "a[b]c")]
    out = StringIO()
    Console(file=out, width=120).print(panel(shown))
    for text in ("[red]checkout[/red]", "[bold]", "[/blue]", "a[b]c", "1,500", "1,400"):
        assert text in out.getvalue()
