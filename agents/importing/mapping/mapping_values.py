"""Which plain values a mapping may have, whether they come from a file or from options."""

from collections.abc import Callable
from typing import Final

from agents.importing.mapping.mapping import KINDS, Mapping
from state.config.config_errors import format_value
from state.units.currencies import DIGITS
from state.units.time_zones import zone_names

DATE_ORDERS: Final = ("day_first", "month_first", "year_first")
NAMED_FORMATS: Final = (*DATE_ORDERS, "unix", "unix_ms", "unix_us", "unix_ns", "serial")
FILE_FORMATS: Final = ("csv", "xlsx", "json", "jsonl", "parquet")
_MAX_SOURCE: Final = 32


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


_CHECKS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "kind": (KINDS.__contains__, f"one of {', '.join(KINDS)}"),
    "timezone": (
        lambda name: name in zone_names(),
        "an IANA name such as Europe/Moscow, not an abbreviation",
    ),
    "time_format": (
        lambda text: text in NAMED_FORMATS or text.startswith("months_") or "%" in text,
        f"one of {', '.join(NAMED_FORMATS)} or of the form %d.%m.%Y %H:%M",
    ),
    "date_order": (DATE_ORDERS.__contains__, f"one of {', '.join(DATE_ORDERS)}"),
    "decimal": ((".", ",").__contains__, '"." or ","'),
    "delimiter": (
        lambda text: len(text) == 1 and text not in '"\r\n',
        "one character, such as ; or a tab",
    ),
    "encoding": (_is_encoding, "known to Python, such as utf-8 or cp1251"),
    "currency": (DIGITS.__contains__, "the ISO 4217 code of a currency, such as RUB"),
    "format": (FILE_FORMATS.__contains__, f"one of {', '.join(FILE_FORMATS)}"),
    "negative": (("refund", "skip").__contains__, "refund or skip"),
    "refund_numbers": (("refunds", "orders").__contains__, "refunds or orders"),
    "source": (
        lambda text: len(text) <= _MAX_SOURCE and ":" not in text,
        f"a name of at most {_MAX_SOURCE} characters without a colon",
    ),
}
FIELD_BY_KEY: Final = {key: "file_format" if key == "format" else key for key in _CHECKS}
"""The field of `Mapping` that each checked key sets."""


def mapping_errors(mapping: Mapping) -> list[str]:
    """Return the errors in the plain values of a mapping, whether they come from a file or from options."""
    values = {key: getattr(mapping, field) for key, field in FIELD_BY_KEY.items()}
    return [
        f"{key} must be {expected}: got {format_value(values[key])}"
        for key, (fits, expected) in _CHECKS.items()
        if values[key] and not fits(values[key])
    ]
