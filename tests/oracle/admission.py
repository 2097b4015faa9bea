"""Admission: whether a record is an event, decided from its whole value, rule by rule in the order of reasons."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from itertools import accumulate
from typing import Any, NamedTuple

from tests.oracle import moments, money

CURRENCIES = frozenset({"RUB", "EUR", "USD", "GBP", "JPY", "KWD", "CLF"})
CHANNELS = ("email", "sms", "push", "messenger", "call", "all")
CONTACTS = ("delivered", "opened", "clicked", "redeemed", "bounced", "unsubscribed", "complained")
TYPES = ("purchase", "refund", "signup", "consent", "contact", "erasure")
MAX_MINOR = 10**15
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?:[eE]([+-]?)([0-9]+))?")


class Rules(NamedTuple):
    """The base currency, the policy's rates, the names of all time zones, and the latest moment in milliseconds."""

    currency: str
    rates: Mapping[str, Decimal]
    zones: Collection[str]
    latest_ms: int


class Undecided(Exception):
    """docs/topics.md leaves the outcome of the record open, or the oracle does not know its currency."""


class Number(str):
    """A JSON number, as the text in the document."""

    __slots__ = ()


def outcome(source: str, value: bytes | None, rules: Rules) -> str:
    """Return `admitted`, `anonymous`, or the reason for rejecting the record."""
    if value is None:
        return "malformed"
    if len(value) > 65_536:
        return "oversize"
    try:
        fields = _object(value)
    except (ValueError, RecursionError):
        return "malformed"
    kind = source.removesuffix("s") if source != "events" else fields.get("type")
    if kind not in TYPES or not all(check(fields.get(name), rules) for name, check in _CHECKS[kind].items()):
        return "invalid"
    if "currency" not in fields and "cost" in fields and kind == "contact":
        return "invalid"
    with localcontext(Context(prec=70_000, Emax=MAX_EMAX, Emin=MIN_EMIN)):
        reason = _money(kind, fields, rules) if "currency" in fields and "currency" in _CHECKS[kind] else None
    if reason is not None:
        return reason
    if _moment(fields["occurred_at"]) > rules.latest_ms:
        return "future"
    return "admitted" if fields.get("customer_id") else "anonymous"


def _object(value: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    text = value.decode()
    found = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - as json does
    brackets = re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text))
    if max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets)) > 500:
        raise ValueError("too deep")
    return {name: field for name, field in found.items() if field is not None}


def _money(kind: str, fields: Mapping[str, Any], rules: Rules) -> str | None:
    currency = fields["currency"]
    known = currency in CURRENCIES
    if not known and re.fullmatch("[A-Z]{3}", currency) and currency not in {"ZZZ", "XXX", "XAU"}:
        raise Undecided
    amounts = [
        _decimal(fields[name]) for name in ("amount", "discount", "cost") if name in _CHECKS[kind] and name in fields
    ]
    if any(_is_wrong(amount, currency if known else None) for amount in amounts) or (
        kind == "refund" and not amounts[0]
    ):
        return "amount"
    if kind == "contact":
        return None if known else "currency"
    rate = _decimal(fields["rate"]) if "rate" in fields else rules.rates.get(currency)
    if currency == rules.currency:
        rate = Decimal(1)
    elif rate is not None and not (0 < rate <= 10**9 and _places(rate) <= 18):
        return "currency"
    if not known:
        if rate is not None and any(amount * rate > 10**9 for amount in amounts):
            raise Undecided
        return "currency"
    if rate is None:
        return None if kind == "refund" and fields.get("order_id") else "currency"
    minors = [int(amount.scaleb(money.digits(currency))) for amount in amounts]
    if any(money.converted(minor, currency, Fraction(rate), rules.currency) > MAX_MINOR for minor in minors):
        return "amount"
    return None


def _is_wrong(amount: Decimal, currency: str | None) -> bool:
    if amount < 0:
        return True
    if currency is not None:
        digits = money.digits(currency)
        return _places(amount) > digits or amount > Decimal(MAX_MINOR).scaleb(-digits)
    if amount > MAX_MINOR and _places(amount):
        raise Undecided
    return amount > MAX_MINOR


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _decimal(text: str) -> Decimal:
    match = _NUMBER.fullmatch(text)
    assert match is not None
    mantissa, sign, power = match.groups(default="")
    size = int(power[-12:] or "0") if len(power.lstrip("0")) <= 12 else 10**12
    return Decimal(mantissa).scaleb(-size if sign == "-" else size)


def _moment(text: str) -> int:
    """Return the milliseconds of a moment.

    Raises:
        ValueError: It is not RFC 3339, does not exist, or is not in the years 1970 to 2199.
    """
    shape = r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
    match = re.fullmatch(shape, text, re.ASCII)
    if match is None:
        raise ValueError(text)
    moment_ms = moments.parse(text)
    if not 0 <= moment_ms < moments.parse("2200-01-01T00:00:00Z"):
        raise ValueError(text)
    if match[2] == "60" and not moments.text(moment_ms - moment_ms % 1000).endswith("-01T00:00:00.000Z"):
        raise ValueError(text)
    return moment_ms


def _accepts(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


_Check = Callable[[Any, Rules], bool]


def _text(found: object, _rules: Rules | None = None) -> bool:
    return isinstance(found, str) and not isinstance(found, Number) and not re.search("[\ud800-\udfff]", found)


def _optional(check: _Check) -> _Check:
    return lambda found, rules: found is None or check(found, rules)


def _if_filled(check: _Check) -> _Check:
    return lambda found, rules: found is None or found == "" or check(found, rules)


def _one_of(*choices: str) -> _Check:
    return lambda found, _: _text(found) and found in choices


def _id(found: Any, _rules: Rules) -> bool:
    return _text(found) and 1 <= len(found) <= 128


def _import_id(found: Any, _rules: Rules) -> bool:
    return _text(found) and 1 <= len(found) <= 64


def _flag(found: object, _rules: Rules) -> bool:
    return isinstance(found, bool)


def _number(found: Any, _rules: Rules) -> bool:
    return isinstance(found, str) and _NUMBER.fullmatch(found) is not None


def _consents(found: object, rules: Rules) -> bool:
    return isinstance(found, dict) and all(
        flag is None or (channel in CHANNELS and _flag(flag, rules)) for channel, flag in found.items()
    )


def _birth_date(found: Any, _rules: Rules) -> bool:
    if not _text(found) or re.fullmatch(r"(19|20|21)\d\d-\d\d-\d\d", found, re.ASCII) is None:
        return False
    return _accepts(date.fromisoformat, found)


_HEAD: dict[str, _Check] = {
    "event_id": _id,
    "customer_id": _id,
    "occurred_at": lambda found, _: _text(found) and _accepts(_moment, found),
    "backfill": _optional(_flag),
    "import_id": _optional(_import_id),
}
_SALE = _HEAD | {
    "customer_id": _if_filled(_id),
    "amount": _number,
    "currency": _text,
    "rate": _optional(_number),
}
_CHECKS: dict[str, dict[str, _Check]] = {
    "purchase": _SALE
    | {"order_id": _id, "discount": _optional(_number)}
    | dict.fromkeys(("coupon", "channel", "store_id"), _optional(_text)),
    "refund": _SALE | {"refund_id": _id, "order_id": _if_filled(_id)},
    "signup": _HEAD
    | dict.fromkeys(("source", "city", "country", "language", "referred_by"), _optional(_text))
    | {
        "consent": _optional(_consents),
        "birth_date": _if_filled(_birth_date),
        "timezone": _if_filled(lambda found, rules: _text(found) and found in rules.zones),
    },
    "consent": _HEAD | {"channel": _one_of(*CHANNELS), "granted": _flag},
    "contact": _HEAD
    | {
        "message_id": lambda found, _: _text(found) and len(found) >= 1,
        "kind": _one_of(*CONTACTS),
        "permanent": _optional(_flag),
        "cost": _optional(_number),
        "currency": _optional(_text),
    },
    "erasure": _HEAD,
}
"""Event type to its fields and the check of each; a field that is missing or null is None."""
