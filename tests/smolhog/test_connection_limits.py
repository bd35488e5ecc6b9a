"""How many connections there may be, counted without leaking."""

from hypothesis import given
from hypothesis import strategies as st

from smolhog.connection_limits import ByteBudget, ConnectionLimits, Doorkeeper, Tally
from smolhog.guard import proxy_test

ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "192.0.2.7", None])


@given(st.lists(st.tuples(st.booleans(), ADDRESSES), max_size=200))
def test_bounds_hold_and_everybody_who_left_is_forgotten(moves: list[tuple[bool, str | None]]) -> None:
    """Whoever comes and goes in any order, a brute-force count agrees, and at the end nothing is held."""
    doorkeeper = Doorkeeper(ConnectionLimits(overall=12, per_address=4), proxy_test("192.0.2.0/24"))
    inside: list[str | None] = []
    for comes, address in moves:
        if comes:
            exempt = address in {None, "192.0.2.7"}
            may = len(inside) < 12 and (exempt or inside.count(address) < 4)
            assert doorkeeper.enter(address) is may
            if may:
                inside.append(address)
        elif address in inside:
            inside.remove(address)
            doorkeeper.leave(address)
        assert doorkeeper.inside == len(inside)
    for address in inside:
        doorkeeper.leave(address)
    assert doorkeeper.inside == len(doorkeeper._addresses) == len(doorkeeper._overall) == 0


def test_nobody_is_remembered_for_asking() -> None:
    """Whoever was refused takes no memory."""
    tally = Tally(0)
    assert not tally.enter("a")
    assert len(tally) == 0


def test_a_budget_takes_whole_pieces() -> None:
    """What does not fit is not counted at all."""
    budget = ByteBudget(100)
    assert budget.hold(60)
    assert not budget.hold(41)
    assert budget.held == 60
    budget.release(60)
    assert budget.hold(100)


def test_trusted_proxies_are_addresses_and_networks() -> None:
    """Nothing else is trusted, and a name never."""
    is_proxy = proxy_test("10.1.0.0/16, 2001:db8::1")
    assert is_proxy("10.1.2.3")
    assert is_proxy("2001:db8::1")
    for other in ("10.2.0.1", "2001:db8::2", "proxy", "", "10.1.2.3.4"):
        assert not is_proxy(other)
    assert not proxy_test(None)("127.0.0.1")
    assert proxy_test("*")("203.0.113.1")
