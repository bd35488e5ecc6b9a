"""Any id can stand in an address, and comes back as it was."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.errors import NotFound
from query_api.people.addresses import person_of, public_id


@given(st.text(min_size=1, max_size=400))
def test_ids_come_back(person: str) -> None:
    """Of any text, in characters that a path can carry."""
    shown = public_id(person.encode("utf-8", "replace").decode())
    assert re.fullmatch(r"[A-Za-z0-9_.@+~-]+", shown)
    assert shown not in {".", ".."}
    assert person_of(shown) == person.encode("utf-8", "replace").decode()


def test_plain_ids_are_shown_as_they_are() -> None:
    """Most ids are readable in an address."""
    assert public_id("ada@example.org") == "ada@example.org"
    with pytest.raises(NotFound):
        person_of("~*")
