"""The JSON of a delivery, read by path; numbers stay exactly the text that was sent. No bytes raise but `NotValid`."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from agents.importing.columns.flags import read_flag
from agents.importing.reading.json_files.flattening import DECODER
from agents.serve.hooks.platforms.rejection import NotValid
from state.intake.field_errors import show
from state.records.reasons import RejectionReason
from state.units.currencies import DIGITS
from state.units.money import MAX_MINOR, NotANumber, TooLarge, TooManyDigits, format_minor, is_number, parse_minor
from state.units.timestamps import parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEARLY_WHOLE: Final = Decimal("1e-6")
"""Part of a minor unit by which an amount that was computed with floats may differ from a whole number of them."""
_MAX_NUMBER: Final = 64
"""Longest text of a number, in characters."""


class Payload:
    """A JSON object; what is missing or of another kind reads as absent."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def get(self, path: str) -> Any:
        """Return the value at a dotted path; None if there is none."""
        value: Any = self.content
        for name in path.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    def text(self, *paths: str) -> str:
        """Return the first text or number that is not empty, without surrounding spaces; empty if there is none."""
        for path in paths:
            value = self.get(path)
            if isinstance(value, str) and (text := value.strip()):
                return text
        return ""

    def flag(self, path: str) -> bool | None:
        """Return a yes or no; None if it is neither."""
        value = self.get(path)
        if isinstance(value, bool):
            return value
        return read_flag(value) if isinstance(value, str) else None

    def has(self, path: str) -> bool:
        """Whether there is anything at a path, null aside."""
        return self.get(path) is not None

    def objects(self, path: str) -> "Iterator[Payload]":
        """Yield the objects of a list."""
        value = self.get(path)
        for each in value if isinstance(value, list) else ():
            if isinstance(each, dict):
                yield Payload(each)

    def inner(self, path: str) -> "Payload":
        """Return the object at a path; an empty one if there is none."""
        value = self.get(path)
        return Payload(value if isinstance(value, dict) else {})

    def moment(self, *paths: str) -> int | None:
        """Return the first moment that is not empty, in milliseconds; None if there is none.

        Raises:
            NotValid: it has no offset, or another form.
        """
        for path in paths:
            if text := self.text(path):
                return read_moment(text, path)
        return None


def read_object(body: bytes) -> Payload:
    """Return the JSON object of a body.

    Raises:
        NotValid: it holds none.
    """
    return as_object(read_json(body))


def read_json(body: bytes) -> Any:
    """Return the JSON of a body, with numbers as text.

    Raises:
        NotValid: it is not JSON in UTF-8.
    """
    try:
        return DECODER.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotValid(RejectionReason.MALFORMED, "the body must be UTF-8") from None
    except (ValueError, RecursionError):
        raise NotValid(RejectionReason.MALFORMED, "the body must be JSON") from None


def as_object(value: object) -> Payload:
    """Return a JSON value as an object.

    Raises:
        NotValid: it is none.
    """
    if not isinstance(value, dict):
        raise NotValid(RejectionReason.MALFORMED, "the body must be a JSON object")
    return Payload(value)


def read_moment(text: str, name: str) -> int:
    """Return the moment of an RFC 3339 text, in milliseconds.

    Raises:
        NotValid: it has another form; `name` is that of its field.
    """
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise NotValid(RejectionReason.INVALID, f"{name} {error}: got {show(text)}") from None


def read_minor(text: str, currency: str, name: str) -> int:
    """Return an amount in minor units of its currency; it may be negative.

    What floats have made of it, such as 25.000000000000004, is rounded if the difference is below a millionth of a
    minor unit.

    Raises:
        NotValid: it is no number, or no whole number of minor units; or the currency is unknown.
    """
    if not text:
        raise NotValid(RejectionReason.INVALID, f"{name} is missing")
    digits = digits_of(currency)
    try:
        return parse_minor(text, digits)
    except NotANumber as error:
        raise NotValid(RejectionReason.INVALID, f"{name} {error}: got {show(text)}") from None
    except TooLarge as error:
        raise NotValid(RejectionReason.AMOUNT, f"{name} {error}: got {show(text)}") from None
    except TooManyDigits as error:
        if len(text) <= _MAX_NUMBER and is_number(text):
            exact = Decimal(text).scaleb(digits)
            if abs(exact) <= MAX_MINOR and abs(exact - (whole := exact.to_integral_value())) < _NEARLY_WHOLE:
                return int(whole)
        raise NotValid(RejectionReason.AMOUNT, f"{name} {error}: got {show(text)}") from None


def digits_of(currency: str) -> int:
    """Return the digits of a currency after the decimal point.

    Raises:
        NotValid: it is unknown.
    """
    digits = DIGITS.get(currency)
    if digits is None:
        if not currency:
            raise NotValid(RejectionReason.INVALID, "currency is missing")
        raise NotValid(
            RejectionReason.CURRENCY, f"currency must be an ISO 4217 code, such as RUB: got {show(currency)}"
        )
    return digits


def plain_amount(minor: int, currency: str) -> str:
    """Return an amount in major units as text."""
    return format_minor(minor, DIGITS[currency])
