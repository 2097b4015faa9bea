"""The refunds of an order as one list, such as `refunds` of WooCommerce: each is known by the total after it.

So the list agrees with a column of totals, whichever of them is imported first, or comes by a webhook.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

from agents.importing.columns.numbers.format import NumberFormat, NumberParser

_MAX_DIGITS: Final = 20
_SEPARATOR: Final = ";"
_PLAIN: Final = NumberParser(NumberFormat("."))


def in_order(refunds: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return refunds in the order in which they were made: by their numbers, which grow."""
    return sorted(refunds, key=_number)


def _number(refund: dict[str, Any]) -> int:
    text = str(refund.get("id", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 0


def join_amounts(refunds: Iterable[dict[str, Any]], member: str) -> str:
    """Return the amounts of refunds as one text, the earliest first; empty if there are fewer than two.

    Raises:
        CellError: one is no number.
    """
    texts = [str(each[member]) for each in in_order(refunds) if each.get(member) is not None]
    amounts = [amount for text in texts if (amount := abs(_PLAIN.parse(text)))]
    return _SEPARATOR.join(format(amount, "f") for amount in amounts) if len(amounts) > 1 else ""


def split_amounts(text: str | None, total_minor: int, digits: int) -> list[int]:
    """Return the amounts that `join_amounts` has joined, in minor units; only the total if they do not add up to it."""
    exact = [Decimal(part).scaleb(digits) for part in text.split(_SEPARATOR)] if text else []
    amounts = [int(amount) for amount in exact]
    return amounts if amounts == exact and sum(amounts) == total_minor else [total_minor]


def with_totals(amounts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield each amount with the total after it."""
    amounts = list(amounts)
    return zip(amounts, accumulate(amounts), strict=True)
