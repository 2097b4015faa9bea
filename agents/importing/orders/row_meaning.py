"""What a row is: the kind of event, by the words of a type column; the state of its order; whether a rule applies."""

import re
from collections.abc import Callable
from typing import Final

from agents.importing.mapping.known_names import normalize_name
from agents.importing.mapping.mapping import AUTO, Mapping, RowRule
from agents.importing.mapping.name_recognition import kind_of_word, status_of_word
from agents.importing.orders.cell_sql import CellSql, quoted

SALE_KINDS: Final = ("purchase", "refund", "cancel")


def kind_sql(sql: CellSql, mapping: Mapping, default: str) -> str:
    """Return the kind of event, `cancel` or `skip` that a row is; empty if its type is an unknown word."""
    field = mapping.fields.get("type")
    if field is None:
        return quoted(mapping.kind if mapping.kind != AUTO else default)
    word, text = sql.word(field, word_reader(mapping), "kind"), sql.text(field)
    message = quoted("type must be a kind of event, such as purchase or refund: got ")
    remedy = quoted("; [words] in a mapping file says what it means")
    error = f"CASE WHEN {word} = '' THEN {message} || '\"' || left({text}, 60) || '\"' || {remedy} END"
    if error not in sql.errors:
        sql.errors.append(error)
    return f"coalesce({word}, {quoted(mapping.other_words or default)})"


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


def rule_sql(rule: RowRule, cell: str) -> str:
    """Return the condition under which a rule leaves a row out."""
    fits = []
    if rule.values:
        fits.append(f"lower({cell}) IN ({', '.join(quoted(value.strip().lower()) for value in rule.values)})")
    if rule.matches:
        fits.append(f"regexp_matches({cell}, {quoted(rule.matches)})")
    if rule.is_empty:
        fits.append(f"{cell} IS NULL")
    condition = f"coalesce({' OR '.join(fits)}, false)"
    return f"NOT {condition}" if rule.keep else condition
