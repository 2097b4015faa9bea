"""The sums of money of one published object: their currency, their rate, and what they are in the base currency."""

from decimal import Decimal

from state.intake.admission_result import AdmissionRules
from state.intake.field_reader import FieldReader
from state.units.money import DIGITS, MAX_MINOR, TooLarge, TooManyDigits, convert, parse_minor, parse_rate


class Prices:
    """The sums of an object, all in the currency that its field `currency` names.

    Attributes:
        currency: The currency's code as it was published.
    """

    def __init__(self, fields: FieldReader, exchange: AdmissionRules) -> None:
        """Read the currency, and blame it if there is none such."""
        self._fields = fields
        self._exchange = exchange
        self.currency = fields.string("currency")
        self._digits = DIGITS.get(self.currency)
        if self._digits is None:
            fields.blame("currency", "currency", "must be the ISO 4217 code of a currency, such as RUB")

    @property
    def is_base(self) -> bool:
        """Whether the currency is the base currency, which needs no rate."""
        return self.currency == self._exchange.currency

    def sum(self, name: str, *, required: bool = False, least: int = 0) -> int | None:
        """A sum in minor units; None if it is absent or blamed.

        Whether a sum has too many digits cannot be told of an unknown currency; whether it is below the least or
        beyond every bound can.
        """
        text = self._fields.number(name, required=required)
        if text is None:
            return None
        expected = f"must be at least {least} minor units" if least else "must not be negative"
        try:
            minor = parse_minor(text, self._digits or 0)
        except TooLarge as error:
            self._fields.blame("amount", name, str(error))
        except TooManyDigits as error:
            if text.startswith("-"):
                self._fields.blame("amount", name, expected)
            elif self._digits is not None:
                self._fields.blame("amount", name, f"{error} in {self.currency}")
        else:
            if minor >= least:
                return minor
            self._fields.blame("amount", name, expected)
        return None

    def rate(self, *, required: bool) -> str | None:
        """The rate that serves: the object's, else the policy's; None for the base currency, and if there is none."""
        text = self._fields.number("rate")
        if self.is_base:
            return None
        if text is not None:
            try:
                return parse_rate(text)
            except ValueError as error:
                self._fields.blame("currency", "rate", str(error))
                return None
        listed = self._exchange.rates.get(self.currency)
        if listed is not None:
            return format(listed, "f")
        if required:
            self._fields.blame("currency", "rate", f"of {self.currency} must be given, since the policy lists none")
        return None

    def in_base(self, name: str, minor: int, rate: str | None) -> int:
        """The sum of a field in minor units of the base currency, at a rate; as it is if there is none."""
        if rate is None:
            return minor
        base = convert(minor, self._digits or 0, Decimal(rate), self._exchange.digits)
        if base > MAX_MINOR:
            expected = f"must be at most {MAX_MINOR} minor units of {self._exchange.currency} at a rate of {rate}"
            self._fields.blame("amount", name, expected)
        return base
