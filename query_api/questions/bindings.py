"""Values of a statement: bound by the server under names of ours, never written into its text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SqlPart:
    """A part of a statement, with the values that it names.

    Attributes:
        text: SQL made of constants of the source code and of placeholders.
        parameters: value by name of the placeholder. All parts of a statement share one :class:`Bindings`,
            whose ``parameters`` hold those of every part.
    """

    text: str
    parameters: dict[str, Any] = field(default_factory=dict)


class Bindings:
    """The values of one statement, or of several that are asked with the same ones.

    Args:
        named: values that statements name themselves, such as ``project_id``.
    """

    def __init__(self, **named: Any) -> None:
        self.parameters: dict[str, Any] = dict(named)
        self._count = 0

    def put(self, value: Any, kind: str) -> str:
        """Bind a value; return its placeholder.

        Args:
            value: of a type that the driver can write as ``kind``.
            kind: a type of ClickHouse; a constant of the source code.
        """
        name = f"f{self._count}"
        self._count += 1
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def text(self, value: str) -> str:
        """Bind a text."""
        return self.put(value, "String")

    def texts(self, values: Sequence[str]) -> str:
        """Bind several texts as an array."""
        return self.put(list(values), "Array(String)")

    def number(self, value: float) -> str:
        """Bind a number."""
        return self.put(float(value), "Float64")

    def numbers(self, values: Sequence[float]) -> str:
        """Bind several numbers as an array."""
        return self.put([float(value) for value in values], "Array(Float64)")

    def whole(self, value: int) -> str:
        """Bind a whole number of at most 64 bits."""
        return self.put(value, "Int64")

    def alias(self) -> str:
        """Return a name that nothing else in the statement has."""
        self._count += 1
        return f"x{self._count - 1}"

    def part(self, text: str) -> SqlPart:
        """Return ``text`` as a part with all values bound so far."""
        return SqlPart(text, self.parameters)
