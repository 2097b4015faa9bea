"""Recognize the columns about returns: flags, sums, pieces and numbers of refunds, whatever they are called."""

from typing import Final

from agents.importing.columns.zones import read_zone
from agents.importing.fields.field_search import FieldSearch
from agents.importing.fields.return_columns import ReturnColumns
from agents.importing.findings import Choice, Question
from agents.importing.mapping.expression import Column
from agents.importing.mapping.known_names import words_in_order
from agents.importing.mapping.name_recognition import kind_of_word, unit_of

_MAX_DOCUMENTS: Final = 100_000


class ReturnRecognition:
    """Finds the columns about returns.

    Args:
        search: the columns; it receives the fields.
    """

    def __init__(self, search: FieldSearch) -> None:
        self._search = search
        self._returns = ReturnColumns(search.source, search.cells.decisions)

    def recognize(self) -> None:
        """Find the columns of `returned`, `refunded` and `refund_id`, and say which of their kind are not used."""
        search, returns = self._search, self._returns
        search.take_first("returned", returns.is_flag)
        amount = search.fields.get("amount")
        unclear = []

        def is_sum(name: str) -> bool:
            if returns.is_flag(name) or not search.cells.is_number(name):
                return False
            found = returns.is_sum(name, amount)
            if found is None:
                unclear.append(name)
            return bool(found)

        search.take_first("refunded", is_sum)
        search.take_first(
            "refund_id", lambda name: not search.cells.looks_like_money(name) and not search.cells.is_date(name)
        )
        for name in dict.fromkeys(
            name for field in ("returned", "refunded", "refund_id") for name in search.filled(field)
        ):
            if name not in (*search.taken, *unclear) and not returns.is_flag(name):
                evidence = "it says something about returns that is neither a flag, a sum nor a number of a refund"
                search.findings.assume("returns", f"without {name}", evidence, "--field refunded=")
        for name in unclear:
            if search.fields.get("refund_id") == Column(name):
                text = f"Does {name} have sums that were refunded, or numbers of refunds?"
                choices, option = (Choice(name, "sums that were refunded"),), f'--field refunded="{name}" or refund_id='
                search.findings.ask(Question("refunded", text, "fields.refunded", choices, option))

    def recognize_refund_list(self) -> bool:
        """Whether the rows have no amounts but those of refunds; if so, set these as amounts, with their dates."""
        search = self._search
        name = next((name for name in search.filled("refunded") if search.cells.is_number(name)), None)
        if name is None or self._returns.is_flag(name) or {"amount", "occurred_at"} & search.mapping.constants.keys():
            return False
        if not self._returns.is_everywhere(name) or not (search.filled("refund_id") or search.filled("refunded_at")):
            return False
        search.set("amount", Column(name))
        search.take_first("occurred_at", search.cells.is_date)
        for at in search.filled("refunded_at"):
            if "occurred_at" not in search.fields and search.cells.is_date(at):
                search.set("occurred_at", Column(at, zone=read_zone(unit_of(at)) or ""))
        return True

    def refund_documents(self) -> dict[str, tuple[str, ...]]:
        """Return the words by which numbers of documents say that they are refunds, such as `Возврат 0001`.

        Empty if no number begins with one, or all do.
        """
        search = self._search
        number = search.fields.get("order_id")
        if not isinstance(number, Column) or "type" in search.fields:
            return {}
        begins = [_beginnings(text) for text in search.examples(number.name, _MAX_DOCUMENTS)]
        refunds = sorted({word for words in begins for word in words if kind_of_word(word) == "refund"})
        if not refunds or all(not words.isdisjoint(refunds) for words in begins):
            return {}
        search.fields["type"] = number
        evidence = f"numbers in {number.name} begin with {', '.join(refunds)}"
        search.findings.assume("type", number.name, f"{evidence}: refunds; all others are sales", "--field type=")
        return {"refund": tuple(f"{word}*" for word in refunds)}


def _beginnings(text: str) -> set[str]:
    """Return the first word and the first two words of a text that has more of them."""
    words = words_in_order(text)
    return {"".join(words[:count]) for count in (1, 2) if len(words) > count}
