"""What a row is: the kind of event, by the words of a type column; the state of its order; whether a rule applies."""

import re
from collections.abc import Callable
from typing import Final

from agents.importing.columns.flags import read_flag
from agents.importing.mapping.known_names import normalize_name
from agents.importing.mapping.mapping import AUTO, Mapping, RowRule
from agents.importing.mapping.name_recognition import kind_of_word, status_of_word
from agents.importing.rows.cell_sql import CellSql, quoted
from agents.importing.rows.row_source import Cell

SALE_KINDS: Final = ("purchase", "refund", "cancel")
NO_NUMBER: Final = ("0", "-", "--", "—", "–", "(not set)", "null", "none", "n/a", "nan", "нет", "no", "false")
"""Texts in place of an order number or a refund number."""


def kind_sql(sql: CellSql, mapping: Mapping, default: str) -> str:
    """Return the kind of event, `cancel` or `skip` that a row is; empty if its type is an unknown word."""
    field = mapping.fields.get("type")
    if field is None:
        kind = quoted(mapping.kind if mapping.kind != AUTO else default)
        number = refund_number_sql(sql, mapping)
        return f"CASE WHEN {number} IS NOT NULL THEN 'refund' ELSE {kind} END" if number else kind
    word, text = sql.word(field, word_reader(mapping), "kind"), sql.text(field)
    message = quoted("type must be a kind of event, such as purchase or refund: got ")
    remedy = quoted("; [words] in a mapping file says what it means")
    error = f"CASE WHEN {word} = '' THEN {message} || '\"' || left({text}, 60) || '\"' || {remedy} END"
    if error not in sql.errors:
        sql.errors.append(error)
    return f"coalesce({word}, {quoted(mapping.other_words or default)})"


def refund_number_sql(sql: CellSql, mapping: Mapping, value: str = "refunds") -> str:
    """Return the refund number of a row; empty if the mapping does not say that rows with one are of this value."""
    field = mapping.fields.get("refund_id")
    if field is None or mapping.refund_numbers != value:
        return ""
    return f"coalesce({', '.join(sql.identifiers(field, NO_NUMBER))}, NULL)"


def word_reader(mapping: Mapping) -> Callable[[str], str | None]:
    """Return a function from a word of the type column to a kind of event, `cancel` or `skip`; None if unknown."""
    exact: dict[str, str] = {}
    patterns: list[tuple[re.Pattern[str], str]] = []
    for kind in ("skip", *(kind for kind in mapping.words if kind != "skip")):
        for word in mapping.words.get(kind, ()):
            if "*" in word:
                pieces = (re.escape(normalize_name(piece)) for piece in word.split("*"))
                patterns.append((re.compile(".*".join(pieces), re.DOTALL), kind))
            else:
                exact[normalize_name(word)] = kind

    def read(text: str) -> str | None:
        word = normalize_name(text)
        if word in exact:
            return exact[word]
        found = next((kind for pattern, kind in patterns if pattern.fullmatch(word)), None)
        return found or mapping.other_words or kind_of_word(text)

    return read


def status_reader(mapping: Mapping) -> Callable[[str], str]:
    """Return a function from a word of the status column to `counts`, `skip`, `refunded`, or `other` if unknown."""
    own = {
        normalize_name(word): meaning
        for meaning in ("counts", "skip", "refunded")
        for word in getattr(mapping.statuses, meaning)
    }
    other = {"count": "counts", "skip": "skip"}.get(mapping.statuses.other)

    def read(text: str) -> str:
        meaning = own.get(normalize_name(text))
        if meaning is None and other is None:
            meaning = status_of_word(text)
        return meaning or other or "other"

    return read


def read_paid(text: str) -> str | None:
    """Return what a flag or a word says about the payment of an order: `counts`, `skip`, `refunded`; None: nothing."""
    flag = read_flag(text)
    return status_of_word(text) if flag is None else "counts" if flag else "skip"


def read_returned(text: str) -> bool | None:
    """Return whether a flag, or a word such as `returned`, says that a sale was taken back; None if it says neither."""
    flag = read_flag(text)
    if flag is not None:
        return flag
    return {"refunded": True, "counts": False}.get(status_of_word(text) or "")


def rule_sql(sql: CellSql, rule: RowRule, column: Cell) -> str:
    """Return the condition under which a rule leaves a row out."""
    fits, cell = [], column.sql
    if rule.values:
        fits.append(f"lower({cell}) IN ({', '.join(quoted(value.strip().lower()) for value in rule.values)})")
    if rule.matches:
        fits.append(sql.matches(column, rule.matches))
    if rule.is_empty:
        fits.append(f"{cell} IS NULL")
    condition = f"coalesce({' OR '.join(fits)}, false)"
    return f"NOT {condition}" if rule.keep else condition
