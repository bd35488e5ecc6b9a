"""Arithmetic over series: numbers, the letters of the series, ``+ - * /`` and brackets. Pure.

::

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor  = "-" factor | number | letter | "(" sum ")"
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Number = int | float
_Values = Mapping[str, Number | None]
_Node = Callable[[_Values], float | None]

MAX_LENGTH = 200
_TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]+)?)|([A-Za-z]+)|(.))")
_SUMS = {"+": operator.add, "-": operator.sub}
_PRODUCTS = {"*": operator.mul, "/": operator.truediv}


class FormulaError(ValueError):
    """A text that is no formula; says why."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read.

    Attributes:
        letters: of the series that it needs, in order of first use.
    """

    letters: tuple[str, ...]
    _root: _Node

    def value(self, values: _Values) -> float | None:
        """Return the result; None where a value is missing, or something is divided by 0, or too large to say."""
        return self._root(values)


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Raises:
        FormulaError: it is none.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"a formula may have {MAX_LENGTH} characters")
    reader = _Reader([match.group().strip() for match in _TOKEN.finditer(text.strip())])
    root = reader.sum()
    if reader.next is not None:
        raise FormulaError(f"an operator was expected before {reader.next!r}")
    if not reader.letters:
        raise FormulaError("a formula names at least one series, such as A / B * 100")
    return Formula(tuple(reader.letters), root)


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self.letters: dict[str, None] = {}

    @property
    def next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def sum(self) -> _Node:
        return self._chain(self._product, _SUMS)

    def _product(self) -> _Node:
        return self._chain(self._factor, _PRODUCTS)

    def _chain(
        self, part: Callable[[], _Node], signs: Mapping[str, Callable[[float, float], float]]
    ) -> _Node:
        left = part()
        while self.next is not None and self.next in signs:
            sign = signs[self._take()]
            left = _applied(sign, left, part())
        return left

    def _factor(self) -> _Node:
        found = self._take()
        if found == "-":
            return _applied(operator.sub, _constant(0.0), self._factor())
        if found == "(":
            inner = self.sum()
            if self._take() != ")":
                raise FormulaError("a bracket is not closed")
            return inner
        if found[0] in "0123456789":
            return _constant(float(found))
        if len(found) == 1 and "A" <= found <= "J":
            self.letters[found] = None
            return _letter(found)
        raise FormulaError(f"a series (A to J), a number or a bracket was expected, not {found[:20]!r}")

    def _take(self) -> str:
        if self.next is None:
            raise FormulaError("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _constant(number: float) -> _Node:
    return lambda _: number


def _letter(name: str) -> _Node:
    def value(values: _Values) -> float | None:
        found = values[name]
        return None if found is None else float(found)

    return value


def _applied(sign: Callable[[float, float], float], left: _Node, right: _Node) -> _Node:
    def value(values: _Values) -> float | None:
        one, other = left(values), right(values)
        if one is None or other is None:
            return None
        try:
            result = sign(one, other)
        except ZeroDivisionError:
            return None
        return result if math.isfinite(result) else None

    return value
