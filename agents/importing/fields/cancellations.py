"""Recognize columns that say which orders do not count: cancelled, deleted or never posted, by yes, no or a moment."""

from collections.abc import Iterator
from typing import Final

from agents.importing.columns.flags import read_flag
from agents.importing.fields.field_search import FieldSearch
from agents.importing.mapping.known_names import words_in_order
from agents.importing.mapping.mapping import RowRule

_OPTION: Final = "[[skip]] or [[keep]] in a mapping file (--map)"
_MAX_WORDS: Final = 60
_YES: Final = r"(?i)^\s*(?:да|yes|y|true|t|1|истина|ja|oui|sí|si|sim|tak|ano|áno|evet|x|[✓✔✅☑])(?:\W|$)"
_NO: Final = r"(?i)^\s*(?:нет|no|n|false|f|0|ложь|nein|non|não|nie|ne|hayır)(?:\W|$)"
_NO_MOMENT: Final = ("-", "0", "null", "none", "nan", "n/a", "нет", "no", "0000-00-00", "0000-00-00 00:00:00", "\\n")


def cancellation_rules(search: FieldSearch) -> tuple[RowRule, ...]:
    """Return the rules by which columns such as `Cancelled` or `cancelled_at` leave rows out; each is stated."""
    rules = []
    given = {rule.column for rule in search.mapping.rules}
    for meaning, pattern, reason in (("cancelled", _YES, "cancelled"), ("posted", _NO, "not_posted")):
        for name in search.names.excluding(meaning):
            if name in search.taken or name in given or not search.source.filled(name):
                continue
            words = search.words(name, _MAX_WORDS)
            if words and all(_is_flag(word) for word in words):
                rule = RowRule(name, matches=pattern, reason=reason)
                evidence = f"rows with {'yes' if meaning == 'cancelled' else 'no'} in it do not count"
            elif meaning == "cancelled" and search.cells.is_date(name):
                rule = RowRule(name, values=_NO_MOMENT, is_empty=True, keep=True, reason=reason)
                evidence = "rows with a moment in it do not count"
            elif meaning == "posted":
                continue
            else:
                evidence = "neither yes and no nor moments; [[skip]] in a mapping file (--map) leaves rows out"
                search.findings.assume(reason, f"without {name}", evidence)
                continue
            search.taken.add(name)
            search.findings.assume(reason, name, evidence, _OPTION)
            rules.append(rule)
    return (*rules, *_rules_of_empty_cells(search, given | {rule.column for rule in rules}))


def _rules_of_empty_cells(search: FieldSearch, given: set[str]) -> Iterator[RowRule]:
    """Yield the rules of reasons for a cancellation, and of moments of payment where no state says what is paid."""
    rows = search.source.main.rows
    for name in search.names.excluding("reason"):
        if name not in given | search.taken and 0 < 2 * search.source.filled(name) < rows:
            search.findings.assume("cancelled", name, "rows with a reason in it do not count", _OPTION)
            yield RowRule(name, values=_NO_MOMENT, is_empty=True, keep=True, reason="cancelled")
    for name in search.names.excluding("paid_at"):
        filled = search.source.filled(name)
        if name in given | search.taken or {"status", "paid"} & search.fields.keys() or filled in (0, rows):
            continue
        if 2 * filled > rows and search.cells.is_date(name):
            search.findings.assume("unpaid", name, "rows without a moment of payment do not count", _OPTION)
            yield RowRule(name, values=_NO_MOMENT, is_empty=True, reason="unpaid")


def _is_flag(text: str) -> bool:
    """Whether a text begins with yes or no: `Да (дубль)`."""
    return read_flag(text) is not None or any(read_flag(word) is not None for word in words_in_order(text)[:1])
