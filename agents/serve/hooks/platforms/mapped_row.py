"""What a platform's mapping says about one JSON object: the fields of the same order in an export."""

from decimal import Decimal
from functools import lru_cache
from typing import Final

from agents.importing.mapping.expression import Arithmetic, Column, Expression, FirstFilled, Joined, alternatives_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.platforms.catalog import forms_of
from agents.importing.reading.json_files.flattening import flatten
from agents.importing.rows.row_meaning import status_reader, word_reader
from agents.serve.hooks.platforms.payload import Payload, read_moment
from agents.serve.hooks.platforms.rejection import NotValid
from state.intake.field_errors import show
from state.records.reasons import RejectionReason
from state.units.money import is_number

_MAX_NUMBER: Final = 64
_ZULU: Final = "Z"
_NAIVE_LENGTH: Final = len("2026-02-10T11:03:00")


class MappedRow:
    """The fields of one object, by a platform's mapping.

    Attributes:
        mapping: of the platform.
    """

    def __init__(self, payload: Payload, mapping: Mapping) -> None:
        self.mapping = mapping
        self._row = flatten(payload.content)

    def text(self, field: str) -> str:
        """Return the text of a field; empty if it has none."""
        expression = self.mapping.fields.get(field)
        return self._text(expression) if expression is not None else ""

    def refund_text(self, field: str) -> str:
        """Return the text that a field has in refunds."""
        expression = self.mapping.refund.get(field)
        return self._text(expression) if expression is not None else ""

    def number(self, field: str) -> str:
        """Return the number of a field as text; empty if it has none.

        Raises:
            NotValid: a part of it is no number.
        """
        expression = self.mapping.fields.get(field)
        if expression is None:
            return ""
        for part in alternatives_of(expression):
            if text := self._number(part, field):
                return text
        return ""

    def moment(self, field: str) -> int | None:
        """Return the moment of a field, in milliseconds; None if it has none with a known offset.

        Raises:
            NotValid: it has another form.
        """
        expression = self.mapping.fields.get(field)
        for part in alternatives_of(expression) if expression is not None else ():
            text = self._text(part)
            if not text or not isinstance(part, Column):
                continue
            if part.zone == "UTC" and len(text) == _NAIVE_LENGTH:
                return read_moment(text.replace(" ", "T") + _ZULU, part.name)
            if not part.zone and len(text) == _NAIVE_LENGTH:
                continue  # of a zone that nothing names
            return read_moment(text, part.name)
        return None

    def status(self) -> str:
        """Return what the object's status means: `counts`, `refunded`, `skip`, or `other`."""
        return reads_status(self.mapping.platform, self.text("status"))

    def kind(self) -> str:
        """Return the kind of event, `cancel` or `skip` that the object is."""
        return _kinds(self.mapping.platform)(self.text("type")) or "skip"

    def _text(self, expression: Expression) -> str:
        match expression:
            case Column(name):
                return self._row.get(name, "").strip()
            case FirstFilled(parts):
                return next((text for part in parts if (text := self._text(part))), "")
            case Joined(names):
                return " ".join(text for name in names if (text := self._row.get(name, "").strip()))
            case Arithmetic():
                return ""

    def _number(self, expression: Expression, field: str) -> str:
        if not isinstance(expression, Arithmetic):
            return self._text(expression)
        found = [text for part in expression.parts if (text := self._number(part, field))]
        for text in found:
            if len(text) > _MAX_NUMBER or not is_number(text):
                detail = f"{field} must be a decimal number, such as 12.40: got {show(text)}"
                raise NotValid(RejectionReason.INVALID, detail)
        if not found or expression.operation != "add":
            return ""
        return format(sum((Decimal(text) for text in found), Decimal(0)), "f")


@lru_cache(maxsize=16)
def orders_mapping(platform: str) -> Mapping:
    """Return how an import reads the orders of a platform."""
    return next(form.mapping for form in forms_of(platform) if "order_id" in form.mapping.fields)


def reads_status(platform: str, word: str) -> str:
    """Return what a word of the platform's says about an order: `counts`, `refunded`, `skip`, or `other`."""
    return _statuses(platform)(word)


_statuses: Final = lru_cache(maxsize=16)(lambda platform: status_reader(orders_mapping(platform)))
_kinds: Final = lru_cache(maxsize=16)(lambda platform: word_reader(orders_mapping(platform)))
