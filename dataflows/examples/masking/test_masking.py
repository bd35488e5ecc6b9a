"""Events without personal data."""

from pathlib import Path

from dataflows.kit.loading import load_flow
from dataflows.kit.testing import FlowTest, event

flow = load_flow(Path(__file__).with_name("masking.py"))


def test_nothing_personal_comes_out_and_people_can_still_be_counted() -> None:
    """Ids are pseudonyms, named properties are gone at any depth, and addresses in texts are covered."""
    test = FlowTest(flow)
    test.feed(
        event("signup", distinct_id="ann@example.org", session_id="s1", email="ann@example.org", plan="pro"),
        event("asked", distinct_id="ann@example.org", text="write to ann@example.org", tags=["a@b.de", 1]),
        event("asked", distinct_id="ben", contact={"phone": "123", "city": "Bern"}),
    )
    rows = test.rows("stream")
    assert "ann@" not in str(rows)
    assert len({row["distinct_id"] for row in rows}) == 2
    properties = {row["name"] + row["distinct_id"]: row["properties"] for row in rows}
    assert sorted(properties.values(), key=str) == [
        {"contact": {"city": "Bern"}},
        {"plan": "pro"},
        {"text": "write to [email]", "tags": ["[email]", 1]},
    ]
    test.assert_crash_safe()
