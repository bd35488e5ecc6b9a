"""Formulas calculate as arithmetic does, and refuse everything else with a sentence."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.analyses.formula import FormulaError, parse_formula

numbers = st.one_of(st.integers(0, 1000).map(str), st.decimals(0, 1000, places=2).map(str))
texts = st.recursive(
    st.one_of(numbers, st.sampled_from("ABC")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", " * ", "/"]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=12,
)
values = st.fixed_dictionaries({letter: st.integers(-5, 5) for letter in "ABC"})


@given(text=texts, given_values=values)
def test_formulas_have_the_value_that_python_gives_them(text: str, given_values: dict[str, int]) -> None:
    """Precedence, brackets and signs included; null where Python divides by zero."""
    text = f"{text} + 0 * A"
    if len(text) > 200:
        return
    try:
        expected = float(eval(text, {}, {name: float(value) for name, value in given_values.items()}))  # noqa: S307, RUF100 - text of numbers, letters and operators
    except ZeroDivisionError:
        assert parse_formula(text).value(given_values) is None
        return
    found = parse_formula(text).value(given_values)
    assert found is not None
    assert math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)


def test_what_is_missing_makes_the_result_missing() -> None:
    """No average in a bucket, no quotient either."""
    formula = parse_formula("A / B")
    assert formula.letters == ("A", "B")
    assert formula.value({"A": 1, "B": None}) is None
    assert formula.value({"A": 1, "B": 0}) is None
    assert formula.value({"A": 1, "B": 4}) == 0.25


def test_what_is_too_large_to_say_is_missing() -> None:
    """Infinity is no number of JSON."""
    assert parse_formula("A * A").value({"A": 1e200}) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "too early"),
        ("A +", "too early"),
        ("A B", "before 'B'"),
        ("(A", "too early"),
        ("(A + B C", "not closed"),
        ("A)", "before ')'"),
        ("K + A", "not 'K'"),
        ("a", "not 'a'"),
        ("AB", "not 'AB'"),
        ("1 + 2", "at least one series"),
        ("A ** 2", "not '*'"),
        ("A; B", "before ';'"),
        ("A % B", "before '%'"),
        ("A + $", "not '$'"),
        ("__import__('os')", "not '_'"),
        ("٣ * A", "not '٣'"),
        ("A" + " + A" * 60, "200 characters"),
        ("(" * 150 + "A" + ")" * 40, "too early"),
    ],
)
def test_what_is_no_formula_is_refused(text: str, said: str) -> None:
    """The sentence names the place."""
    with pytest.raises(FormulaError, match=_literal(said)):
        parse_formula(text)


def _literal(text: str) -> Any:
    return "".join(f"\\{character}" if character in "$*'();%[" else character for character in text)
