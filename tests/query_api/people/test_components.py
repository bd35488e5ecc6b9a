"""Ids that are linked over any number of steps are one person, whatever the order in which that was learned."""

import random

from hypothesis import given
from hypothesis import strategies as st

from query_api.people.components import Link, people_of
from tests.query_api.people.told import alias, identify, people_by_force

_IDS = st.sampled_from("abcdefgh")
_PAIRS = st.lists(st.tuples(_IDS, _IDS, st.booleans()).filter(lambda pair: pair[0] != pair[1]), max_size=12)


def both_ends(pairs: list[tuple[str, str, bool]]) -> list[Link]:
    """Return links as the table holds them."""
    return [
        link
        for one, other, identified in pairs
        for link in (Link(one, other, identified), Link(other, one, False))
    ]


@given(pairs=_PAIRS, seed=st.integers(0, 1000))
def test_people_are_the_connected_ids(pairs: list[tuple[str, str, bool]], seed: int) -> None:
    """Against joining sets until nothing changes; in any order, with any repeats."""
    links = both_ends(pairs)
    shuffled = links + random.Random(seed).sample(links, len(links) // 2)
    random.Random(seed).shuffle(shuffled)
    told = [identify(one, other) if known else alias(one, other) for one, other, known in pairs]
    found = {member: person.person_id for person in people_of(shuffled) for member in person.distinct_ids}
    assert found == people_by_force(told)
    assert sorted(people_of(shuffled)) == sorted(people_of(links))


@given(pairs=_PAIRS, more=_PAIRS)
def test_whoever_knows_more_has_the_higher_version(
    pairs: list[tuple[str, str, bool]], more: list[tuple[str, str, bool]]
) -> None:
    """A person that another link makes different has a higher version than before."""
    before = {member: person for person in people_of(both_ends(pairs)) for member in person.distinct_ids}
    after = {
        member: person for person in people_of(both_ends(pairs + more)) for member in person.distinct_ids
    }
    for member, person in before.items():
        assert after[member] == person or after[member].version > person.version


def test_known_ends_name_the_person() -> None:
    """An anonymous id is nobody's name once there is a known one."""
    (person,) = people_of(both_ends([("zoe", "0-anonymous", True), ("zoe", "1-anonymous", True)]))
    assert person.person_id == "zoe"
    assert person.distinct_ids == ["0-anonymous", "1-anonymous", "zoe"]
