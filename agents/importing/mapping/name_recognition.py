"""Find the columns that can be a field's, by their names. Whether they are, their contents decide."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from agents.importing.columns.currencies import currency_candidates
from agents.importing.mapping.event_fields import CONSENT_FIELDS, FieldType, type_of
from agents.importing.mapping.known_names import (
    known_names,
    normalize_name,
    without_unit,
    words_in_order,
    words_of,
)

_PIECES = frozenset({"шт", "pcs", "pc", "ea", "pieces", "stk", "ks", "szt"})
_MORE_PIECES = _PIECES | {"штук", "штуки", "ед", "units", "unit", "items", "qty", "stück"}
_SHORT: Final = 4
"""Letters of a word; shorter ones begin too many others."""
_RETURNS: Final = ("returned", "refunded")
"""Fields about returns that count no pieces."""
_ZONES = frozenset({"utc", "gmt", "msk", "мск"})


class ColumnNames:
    """The column names of a file, as they are compared.

    Args:
        names: in the order of the file.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._exact: defaultdict[str, list[str]] = defaultdict(list)
        self._without_unit: defaultdict[str, list[str]] = defaultdict(list)
        self._last: defaultdict[str, list[str]] = defaultdict(list)
        self._words: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        for name in self.names:
            self._exact[normalize_name(name)].append(name)
            plain, unit = without_unit(name)
            if _is_unit(unit):
                self._without_unit[normalize_name(plain)].append(name)
            self._words[words_of(name)].append(name)
            if "." in name and " " not in name:
                self._last[normalize_name(name.rpartition(".")[2])].append(name)

    def same(self, name: str) -> str | None:
        """Return the column with this name; if there is none, one whose name differs in case and punctuation only."""
        if name in self.names:
            return name
        found = self._exact.get(normalize_name(name))
        return found[0] if found and normalize_name(name) else None

    def candidates(self, field: str) -> list[str]:
        """Return the columns that can be a field's, the likeliest first.

        Names without their unit (`Сумма, руб.`) come after exact ones, then those with the same words in another order;
        after these, for JSON, the last parts of paths.
        """
        if field in _RETURNS:
            return [name for name in self._candidates(field) if not is_in_pieces(name)]
        if field == "returned_quantity":
            others = (name for each in _RETURNS for name in self._candidates(each) if is_in_pieces(name))
            return list(dict.fromkeys((*self._candidates(field), *others)))
        return self._candidates(field)

    def _candidates(self, field: str) -> list[str]:
        aliases = known_names().columns.get(field, ())
        tables = (self._exact, self._without_unit) if field != "zone" else (self._exact,)
        found = [name for table in tables for alias in aliases for name in table.get(alias, ())]
        found += [name for words in known_names().column_words.get(field, ()) for name in self._words.get(words, ())]
        if type_of(field) is not FieldType.FLAG or field not in CONSENT_FIELDS:
            found += [name for alias in aliases for name in self._last.get(alias, ())]
        return list(dict.fromkeys(found))

    def excluding(self, meaning: str) -> list[str]:
        """Return the columns that say that an order is `cancelled`, or whether it is `posted`."""
        aliases = known_names().excluding_columns[meaning]
        return list(dict.fromkeys(name for alias in aliases for name in self._exact.get(alias, ())))

    def weak_candidates(self, field: str) -> list[str]:
        """Return the columns whose names say little, and can be a field's if their cells fit."""
        aliases = known_names().weak_columns.get(field, ())
        return list(dict.fromkeys(name for alias in aliases for name in self._exact.get(alias, ())))

    def has_lines(self) -> list[str]:
        """Return the columns that only rows have which are lines of orders, such as a product."""
        lines = known_names().line_columns
        return [
            name
            for name in self.names
            if normalize_name(name) in lines or normalize_name(name.rpartition(".")[2]) in lines
        ]


def is_in_pieces(name: str) -> bool:
    """Whether a column with this name counts pieces: `Возвращено, шт`."""
    return without_unit(name)[1].casefold().rstrip(".") in _MORE_PIECES


def is_price(name: str) -> bool:
    """Whether a column with this name has the price of a piece."""
    return _is_among(name, frozenset(known_names().columns["unit_price"]))


def is_paid_amount(name: str) -> bool:
    """Whether an amount with this name is what has been paid of an order so far."""
    return _is_among(name, known_names().paid_amounts)


def is_order_amount(name: str) -> bool:
    """Whether an amount with this name belongs to a whole order, not to one of its lines."""
    return _is_among(name, known_names().order_amounts)


def is_line_amount(name: str) -> bool:
    """Whether an amount with this name belongs to a line of an order."""
    return _is_among(name, known_names().line_amounts)


def _is_among(name: str, names: AbstractSet[str]) -> bool:
    plain, unit = without_unit(name)
    last = name.rpartition(".")[2]
    return not names.isdisjoint({normalize_name(name), normalize_name(last)}) or (
        _is_unit(unit) and normalize_name(plain) in names
    )


def unit_of(name: str) -> str:
    """Return the currency or zone that the name of a column ends with, as it is written there; empty: none."""
    unit = without_unit(name)[1]
    return unit if unit and (currency_candidates(unit) or unit.casefold() in _ZONES) else ""


def kind_of_word(word: str) -> str | None:
    """Return the kind of event, `cancel` or `skip` that a word of a type column stands for; None: it is unknown."""
    return known_names().kinds.get(normalize_name(word))


def status_of_word(word: str) -> str | None:
    """Return what a word of a status column says about its order: `counts`, `skip`, `refunded`; None: it is unknown.

    Texts such as `Принят, ожидается оплата` or `cancel-other` are known by their parts.
    """
    normal = normalize_name(word)
    known = known_names().statuses
    return known.get(normal) or known.get(normal.removeprefix("wc")) or _status_of_parts(words_in_order(word))


def _status_of_parts(words: tuple[str, ...]) -> str | None:
    known = known_names().status_parts
    found = {meaning for meaning, parts in known.items() if any(_has_part(words, part) for part in parts)}
    if "unpaid" in found:
        return "skip"
    if "negated" in found:
        return "counts"
    if "refunded" in found:
        return "counts" if "partial" in found else None if "unclear" in found else "refunded"
    if "skip" in found:
        return "skip"
    return "counts" if "counts" in found and "not" not in found else None


def _has_part(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    """Return whether words that follow each other begin with those of a part; short ones must be equal to it."""
    return any(
        all(
            word == begin if len(begin) < _SHORT else word.startswith(begin)
            for word, begin in zip(words[at:], part, strict=False)
        )
        for at in range(len(words) - len(part) + 1)
    )


def _is_unit(unit: str) -> bool:
    return bool(unit) and (
        bool(currency_candidates(unit)) or unit.casefold() in _ZONES or unit.casefold().rstrip(".") in _PIECES
    )
