"""What URLs say about where a visit came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows.referrer import parse_page, parse_referrer


def test_page_gives_host_path_and_campaign() -> None:
    """Port, case, fragment and other parameters are left out; escapes are read."""
    url = "https://Shop.example.com:8080/cart?x=1&utm_source=news&utm_campaign=spring%20sale#top"
    assert dict(parse_page(url)) == {
        "$host": "shop.example.com",
        "$pathname": "/cart",
        "$utm_source": "news",
        "$utm_campaign": "spring sale",
    }


def test_first_of_repeated_parameters_counts() -> None:
    """A parameter that stands twice counts by its first value that is not empty."""
    assert dict(parse_page("http://x/?utm_source=&utm_source=a&utm_source=b"))["$utm_source"] == "a"


@pytest.mark.parametrize(
    "url", ["", "no url", "http://[::1", "javascript:alert(1)", "http://a\u2100/", "data:,x"]
)
def test_what_is_no_url_gives_nothing(url: str) -> None:
    """Anything may be in there."""
    assert parse_page(url) == ()
    assert parse_referrer(url) == ()


def test_nul_cannot_be_smuggled_in() -> None:
    """An escaped U+0000 is dropped: PostgreSQL could not store the event."""
    assert dict(parse_page("http://x/?utm_source=%00a&utm_term=%00")) == {
        "$host": "x",
        "$pathname": "/",
        "$utm_source": "a",
    }


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.google.com/search?q=x", "google.com"),
        ("https://user:secret@news.example.com:8443/", "news.example.com"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
    ],
)
def test_referrer_gives_its_domain(url: str, domain: str) -> None:
    """Without `www.`, port, and whatever secrets stood before the host."""
    assert parse_referrer(url) == (("$referring_domain", domain),)


_urls = st.text(st.sampled_from("htp:/?&=#%0a.[]@utm_source\0é\ud800 "), max_size=60)


@given(st.one_of(st.text(), _urls, _urls.map("http://x/?utm_term=".__add__)))
def test_any_text_gives_storable_context(url: str) -> None:
    """Nothing raises, and values are short."""
    for name, value in (*parse_page(url), *parse_referrer(url)):
        assert name.startswith("$")
        assert 0 < len(value) <= 200
        assert "utm" not in name or "\0" not in value
