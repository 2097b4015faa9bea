"""How the numbers of a column are written, and how to read them with that knowledge."""

from decimal import Decimal

import msgspec

from agents.importing.columns.column_value import CellError
from agents.importing.columns.numbers.grammar import DecimalSign, NumberShapes
from state.config.config_errors import format_value


class NumberFormat(msgspec.Struct, frozen=True):
    """How the numbers of a column are written.

    Attributes:
        decimal: the decimal sign of numbers that can be read with either; None: such numbers are errors.
        typed: whether the file had numbers, not texts.
        rate: whether the numbers are shares of something: `15%` and `0.15` are 0.15. Otherwise percent is an error.
    """

    decimal: DecimalSign | None = None
    typed: bool = False
    rate: bool = False


class NumberParser:
    """Reads the numbers of a column, at about a microsecond each, because it caches the shapes of the texts."""

    def __init__(self, number_format: NumberFormat) -> None:
        self._format = number_format
        self._decimal = number_format.decimal
        self._rate = number_format.rate
        self._shapes = NumberShapes(typed=number_format.typed)

    def parse(self, text: str) -> Decimal:
        """Return the value of a text, exactly.

        Raises:
            MissingCell: The text stands for the absence of a value.
            CellError: It is no number, or the column does not tell which one.
        """
        shape = self._shapes.find(text)
        decimal = shape.decimal or self._decimal
        if decimal is None:
            raise CellError(f"can be two numbers: got {format_value(text)}; state the decimal sign, with --decimal")
        if shape.percent and not self._rate:
            raise CellError(f"must be an amount, not a share: got {format_value(text)}")
        value = shape.value(text, decimal)
        if self._rate and not shape.percent and not -1 <= value <= 1:
            raise CellError(f"must be a share from 0 to 1, or have a percent sign: got {format_value(text)}")
        return value

    def currencies(self, text: str) -> tuple[str, ...]:
        """Return the ISO codes that the currency sign or word of a number can mean; empty: it has none.

        Raises:
            MissingCell: The text stands for the absence of a value.
            CellError: It is no number.
        """
        return self._shapes.find(text).currencies
