"""What a shop decides before its first start, and which answers are valid."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NamedTuple

from state.config.toml_reader import MAX_DAYS, NAME_WORDS
from state.units.money import DIGITS
from state.units.time_zones import zone_names
from streams.settings import setting_parsers as parsers

_NAME: Final = re.compile(r"[a-z0-9_-]{1,64}")
_MAX_ORDER: Final = 10**9
_ROUBLES_OF_AN_ORDER: Final = "2500"
_OF_AN_ORDER: Final = {"RUB": _ROUBLES_OF_AN_ORDER, "JPY": "5000", "KRW": "50000", "KZT": "15000", "INR": "2000"}
_LOCAL_TIME: Final = Path("/etc/localtime")


class Question(NamedTuple):
    """A choice of a shop.

    Attributes:
        key: the option, without `--`, with `_` for `-`.
        default: from the answers so far.
        parse: returns the answer of a text, or raises ValueError whose message completes "must …".
        is_permanent: whether it can never change under a prefix.
    """

    key: str
    default: Callable[[dict[str, Any]], str]
    parse: Callable[[str], Any]
    is_permanent: bool = False


def _always(text: str) -> Callable[[dict[str, Any]], str]:
    return lambda _: text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"be {NAME_WORDS}")
    return text


def _currency(text: str) -> str:
    if text.upper() not in DIGITS:
        raise ValueError("be an ISO 4217 code, such as RUB")
    return text.upper()


def _zone(text: str) -> str:
    if text not in zone_names():
        raise ValueError("be the IANA name of a time zone, such as Europe/Moscow")
    return text


def _positive(text: str, maximum: int) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or not 0 < number <= maximum:
        raise ValueError(f"be a number above 0 and up to {maximum}")
    return text


def _redis(text: str) -> str:
    return "" if text in ("", "-") else parsers.redis_url(text)


def machine_zone() -> str:
    """Return the time zone of this machine, as its name; UTC if that is unknown."""
    _, _, name = str(_LOCAL_TIME.resolve()).partition("zoneinfo/")
    return name if name in zone_names() and not name.startswith("Etc/") else "UTC"


def typical_order(answers: dict[str, Any]) -> str:
    """Return what an order may bring in the currency of the answers."""
    return _OF_AN_ORDER.get(answers["currency"], "50")


QUESTIONS: Final = (
    Question("name", _always("shop"), _name),
    Question("currency", _always("RUB"), _currency, is_permanent=True),
    Question("timezone", lambda _: machine_zone(), _zone, is_permanent=True),
    Question("window_days", _always("365"), lambda text: _positive(text, MAX_DAYS), is_permanent=True),
    Question("partitions", _always("4"), parsers.whole_number(1, 10_000), is_permanent=True),
    Question("typical_order", typical_order, lambda text: _positive(text, _MAX_ORDER)),
    Question("kafka", _always("127.0.0.1:9092"), parsers.bootstrap_servers),
    Question("replication", _always("1"), parsers.whole_number(1, 100)),
    Question("redis", _always("-"), _redis),
    Question("prefix", _always("goldstream"), parsers.topic_prefix),
)
