"""The names and words of `known_names.toml`, as they are compared."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

_WORD: Final = re.compile(r"[^\W_]+")
_CAMEL: Final = re.compile(r"([a-zа-яё])([A-ZА-ЯЁ])")
_CONNECTING: Final = frozenset(
    {"the", "of", "a", "an", "de", "du", "des", "la", "le", "les", "el", "del", "da", "do", "di", "der", "die", "das"}
    | {"den", "von", "по", "на", "в", "за", "и", "and", "und", "et", "y"}
)
_LIST: Final = re.compile(r"\s*;\s*")
_UNIT: Final = re.compile(r"^(.+?)\s*(?:[,(\[]\s*([^,()\[\]]{1,16}?)\s*[)\]]?|[\s_-]+([^\s_-]{1,5}))$")


class KnownNames(msgspec.Struct, frozen=True):
    """Names and words, normalized; of several that fit, the first one wins.

    Attributes:
        columns: field to names of its column; besides fields of events, `customer_name` and `phone`.
        column_words: field to the same names as sets of words, for names of several words in another order.
        excluding_columns: names of columns that say that an order is `cancelled`, or that it is not `posted`.
        weak_columns: field to names that may be its column if the cells fit.
        line_columns: names of columns whose rows are lines of orders.
        line_amounts: names of amounts of one line of an order.
        paid_amounts: names of amounts that have been paid so far.
        order_amounts: names of amounts that belong to a whole order.
        kinds: word of a type column to kind, `cancel` or `skip`.
        statuses: word of a status column to `counts`, `skip` or `refunded`.
        status_parts: meaning to beginnings of words that follow each other in longer texts of a status column.
        guests: what stands in place of a customer's id for nobody, in lower case.
        guest_mailboxes: parts of addresses before the @ that stand for nobody, without punctuation.
    """

    columns: dict[str, tuple[str, ...]]
    column_words: dict[str, tuple[frozenset[str], ...]]
    excluding_columns: dict[str, tuple[str, ...]]
    weak_columns: dict[str, tuple[str, ...]]
    line_columns: frozenset[str]
    line_amounts: frozenset[str]
    paid_amounts: frozenset[str]
    order_amounts: frozenset[str]
    kinds: dict[str, str]
    statuses: dict[str, str]
    status_parts: dict[str, tuple[tuple[str, ...], ...]]
    guests: tuple[str, ...]
    guest_mailboxes: tuple[str, ...]


def normalize_name(name: str) -> str:
    """Return a name as it is compared: letters and digits only, without case and accents, `ё` as `е`.

    `№` is read as `no`, and `#` as `number` would be: they are left out if nothing else is.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(letter for letter in folded if letter.isalnum())


def words_of(name: str) -> frozenset[str]:
    """Return the words of a name, each normalized, without those that only connect others."""
    spaced = _CAMEL.sub(r"\1 \2", name)
    return frozenset(word for part in _WORD.findall(spaced) if (word := normalize_name(part)) not in _CONNECTING)


def words_in_order(text: str) -> tuple[str, ...]:
    """Return all words of a text, each normalized."""
    return tuple(normalize_name(word) for word in _WORD.findall(_CAMEL.sub(r"\1 \2", text)))


def without_unit(name: str) -> tuple[str, str]:
    """Return a name without the unit at its end, and the unit: `Сумма, руб.`, `Amount (USD)`, `total_usd`."""
    match = _UNIT.fullmatch(name.strip())
    return (match[1], match[2] or match[3]) if match else (name, "")


@lru_cache(maxsize=1)
def known_names() -> KnownNames:
    """Return the names and words."""
    content = tomllib.loads(files("agents.importing.mapping").joinpath("known_names.toml").read_text("utf-8"))
    return KnownNames(
        {field: _names(text) for field, text in content["columns"].items()},
        {field: _word_sets(text) for field, text in content["columns"].items()},
        {meaning: _names(text) for meaning, text in content["excluding_columns"].items()},
        {field: _names(text) for field, text in content["weak_columns"].items()},
        frozenset(_names(content["evidence"]["line"])),
        frozenset(_names(content["evidence"]["line_amount"])),
        frozenset(_names(content["evidence"]["paid_amount"])),
        frozenset(_names(content["evidence"]["order_amount"])),
        _words(content["kinds"]),
        _words(content["statuses"]),
        {meaning: tuple(map(words_in_order, _split(text))) for meaning, text in content["status_parts"].items()},
        tuple(_split(content["guests"]["words"])),
        tuple(_split(content["guests"]["mailboxes"])),
    )


def _split(text: str) -> list[str]:
    return [each for each in _LIST.split(text.strip()) if each]


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normalize_name(name) for name in _split(text)))


def _word_sets(text: str) -> tuple[frozenset[str], ...]:
    sets = (words_of(name) for name in _split(text))
    return tuple(dict.fromkeys(words for words in sets if len(words) > 1))


def _words(texts: Mapping[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, text in texts.items() for word in _names(text)}
