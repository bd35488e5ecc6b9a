"""What user agents of the wild say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows.user_agent import parse_user_agent

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0"
IOS = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"


@pytest.mark.parametrize(
    ("user_agent", "browser", "system", "device"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Safari/537.36", "Chrome", "Windows", "desktop"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {IOS}", "Mobile Safari", "iOS", "mobile"),
        (f"Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) {IOS}", "Mobile Safari", "iOS", "tablet"),
        (
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Mobile Safari/537.36",
            "Chrome Mobile",
            "Android",
            "mobile",
        ),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X710) {WEBKIT} Safari/537.36", "Chrome", "Android", "tablet"),
        (
            f"Mozilla/5.0 (Linux; Android 13; CUBOT P80) {WEBKIT} Mobile Safari/537.36",
            "Chrome Mobile",
            "Android",
            "mobile",
        ),
    ],
)
def test_people_are_told_by_browser_system_and_device(
    user_agent: str, browser: str, system: str, device: str
) -> None:
    """A person's browser gives all three, and no mark of a bot."""
    context = dict(parse_user_agent(user_agent))
    assert (context["$browser"], context["$os"], context["$device_type"]) == (browser, system, device)
    assert "$is_bot" not in context


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/124.0.0.0 Safari/537.36",
        "Mozilla/5.0 (compatible; UptimeMonitor/1.0)",
    ],
)
def test_bots_are_marked(user_agent: str) -> None:
    """A program is marked, and has no kind of device."""
    context = dict(parse_user_agent(user_agent))
    assert context["$is_bot"] == "true"
    assert "$device_type" not in context


@given(st.text(max_size=200))
def test_anything_gives_pairs_of_text(user_agent: str) -> None:
    """Whatever a client calls itself, nothing breaks and each name comes once."""
    context = parse_user_agent(user_agent)
    assert len(dict(context)) == len(context)
    assert all(name.startswith("$") and value for name, value in context)
