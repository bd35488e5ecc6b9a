"""A flow as a picture."""

from pathlib import Path

from dataflows.kit.loading import load_flow

FUNNEL = Path(__file__).parents[3] / "dataflows" / "examples" / "funnel" / "funnel.py"


def test_every_step_stands_in_it_by_its_name_with_what_it_takes_from() -> None:
    """Inputs and outputs in words, steps with what they do; both branches."""
    assert load_flow(FUNNEL).mermaid() == (
        "flowchart TD\n"
        '    source(["event log from beginning"])\n'
        '    at_steps["at_steps<br>filter_events"]\n'
        "    source --> at_steps\n"
        '    first["first<br>drop_repeats"]\n'
        "    at_steps --> first\n"
        '    progress["progress<br>map_events"]\n'
        "    first --> progress\n"
        '    live[("live: event stream funnel")]\n'
        "    progress --> live\n"
        '    rows["rows<br>map_events"]\n'
        "    first --> rows\n"
        '    table[("table: PostgreSQL table funnel_steps (upsert)")]\n'
        "    rows --> table\n"
    )
