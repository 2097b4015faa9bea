"""Recognize the columns about returns: flags, sums, pieces and numbers of refunds, whatever they are called."""

from typing import Final

from agents.importing.columns.zones import read_zone
from agents.importing.fields.field_search import FieldSearch
from agents.importing.fields.return_columns import ReturnColumns
from agents.importing.findings import Choice, Question
from agents.importing.mapping.expression import Arithmetic, Column, columns_of, describe
from agents.importing.mapping.known_names import words_in_order
from agents.importing.mapping.name_recognition import kind_of_word, unit_of

_RETURN_FIELDS: Final = frozenset({"returned", "refunded", "refund_id", "returned_quantity", "adjusted_amount", "type"})
_OTHER_SOURCES: Final = ("refunded", "refund_id", "type")
_RETURN_WORDS: Final = (
    *("refund", "returned", "возвр", "erstatt", "rembours", "reembols", "rimbors", "retour", "zwrot", "zwroc", "vrac"),
)
"""Beginnings of words about returns, as words of names are compared."""
_NO_SUMS: Final = frozenset({"fee", "fees", "tax", "taxes", "shipping", "комиссия", "доставка", "налог", "vat", "ндс"})
"""Words of columns that have parts of refunds."""
_MAX_DOCUMENTS: Final = 100_000


class ReturnRecognition:
    """Finds the columns about returns.

    Args:
        search: the columns; it receives the fields.
    """

    def __init__(self, search: FieldSearch) -> None:
        self._search = search
        self._returns = ReturnColumns(search.source, search.cells.decisions)
        self._asked: list[str] = []

    def recognize(self) -> None:
        """Find the columns of returns, ask about those that can be two things, and say which are not used."""
        search, returns = self._search, self._returns
        quantity = self._quantity()
        search.take_first("returned", lambda name: returns.is_flag(name) and not self._is_doubtful_flag(name, quantity))
        unclear = self._recognize_sums(quantity)
        search.take_first(
            "refund_id",
            lambda name: (
                name not in self._asked and not search.cells.looks_like_money(name) and not search.cells.is_date(name)
            ),
        )
        for name in unclear:
            if search.fields.get("refund_id") == Column(name):
                text = f"Does {name} have sums that were refunded, or numbers of refunds?"
                choices, option = (Choice(name, "sums that were refunded"),), f'--field refunded="{name}" or refund_id='
                search.findings.ask(Question("refunded", text, "fields.refunded", choices, option))
        self._undo_subtraction()
        self._recognize_pieces(quantity)
        self._check_other_names()
        for name in self._unused():
            if returns.can_be_pieces(name, quantity):
                self._ask_for_sums_or_pieces(name)
            elif name not in unclear and not returns.is_flag(name):
                evidence = "it says something about returns that is neither a flag, a sum nor a number of a refund"
                search.findings.assume("returns", f"without {name}", evidence, "--field refunded=")

    def _check_other_names(self) -> None:
        """State, or ask about, columns of sums whose names only have a word about returns in them."""
        search = self._search
        known = {*search.taken, *self._asked, *self._unused()}
        for name in search.source.names:
            words = words_in_order(name)
            if name in known or not any(word.startswith(_RETURN_WORDS) for word in words) or _NO_SUMS & {*words}:
                continue
            if self._returns.is_nothing(name) or not search.cells.looks_like_money(name):
                continue
            if "returned" in search.fields and "refunded" not in search.fields:
                text = f"{describe(search.fields['returned'])} says what was refunded: has {name} the sums?"
                choices, option = (Choice(name, "sums that were refunded"),), f'--field refunded="{name}"'
                search.findings.ask(Question("refunded", text, "fields.refunded", choices, option))
            elif "refunded" not in search.fields:
                evidence = "its name has a word about refunds, but may be something else"
                search.findings.assume("returns", f"without {name}", evidence, "--field refunded=")

    def _undo_subtraction(self) -> None:
        """Take what was paid at first as the amount, where the amount is what is left of it after the refunds."""
        search = self._search
        amount, refunded = search.fields.get("amount"), search.fields.get("refunded")
        if "amount" in search.mapping.fields or not isinstance(amount, Column) or not isinstance(refunded, Column):
            return
        for name in search.filled("amount"):
            if name in search.taken or not search.cells.is_number(name):
                continue
            if self._returns.is_rest(amount.name, name, refunded.name):
                evidence = f"{amount.name} is what is left of it after {refunded.name}"
                search.findings.assume("amount.gross", name, evidence, "--field amount=")
                search.taken.discard(amount.name)
                search.set("amount", Column(name))
                return

    def recognize_quantity(self) -> None:
        """Find the column of the quantity sold, which returned quantities need for their price, or ask for it."""
        fields = self._search.fields
        if "returned_quantity" not in fields or "quantity" in fields:
            return
        if quantity := self._quantity():
            self._search.set("quantity", Column(quantity))
        else:
            text = "Which column says how many pieces of a line were sold? Without it, returned pieces have no price."
            self._search.ask_for_column("quantity", text, self._search.plausible(self._search.cells.is_number))

    def state_unread(self, platform: str) -> None:
        """Say which columns about returns the form of a platform does not read, if it reads none."""
        if not _RETURN_FIELDS & self._search.fields.keys():
            for name in self._unused():
                if not self._returns.is_nothing(name):
                    evidence = f"it says something about returns that exports of {platform} do not have"
                    option = "--field refunded=, returned= or returned_quantity="
                    self._search.findings.assume("returns", f"without {name}", evidence, option)

    def _unused(self) -> list[str]:
        """Return the columns about returns that no field has, and that are not asked about."""
        fields = ("returned", "refunded", "refund_id", "returned_quantity")
        names = dict.fromkeys(name for field in fields for name in self._search.filled(field))
        stated = {each.value for each in self._search.findings.assumptions if each.subject == "returns"}
        taken = {*self._search.taken, *self._asked}
        return [name for name in names if name not in taken and f"without {name}" not in stated]

    def _quantity(self) -> str:
        """Return the column of pieces that were sold; empty: there is none."""
        fields = self._search.fields
        given, amount = fields.get("quantity"), fields.get("amount")
        if given is None and isinstance(amount, Arithmetic) and amount.operation == "multiply":
            names = self._search.names.candidates("quantity")
            given = next((part for part in amount.parts if {*columns_of(part)} & {*names}), None)
        column = given if isinstance(given, Column) else self._search.first_number("quantity")
        return column.name if column else ""

    def _is_doubtful_flag(self, name: str, quantity: str) -> bool:
        """Whether 1 and 0 in a column can be pieces too, because more were sold; if so, it is asked about."""
        if not quantity or not self._returns.is_number_flag(name):
            return False
        line = self._returns.pieces(name, quantity).part_line
        if line is None:
            return False
        text = f"Does 1 in {name}, such as in line {line}, say that all pieces of the line came back, or one of them?"
        self._ask_for_pieces(name, text, f'--field returned_quantity="{name}" or --field returned="{name}"')
        return True

    def _ask_for_sums_or_pieces(self, name: str) -> None:
        text = f"Does {name} have sums that were refunded, or pieces that came back?"
        self._ask_for_pieces(name, text, f'--field returned_quantity="{name}" or --field refunded="{name}"')

    def _ask_for_pieces(self, name: str, text: str, option: str) -> None:
        choices = (Choice(name, "pieces that came back"),)
        self._search.findings.ask(Question("returned_quantity", text, "fields.returned_quantity", choices, option))
        self._asked.append(name)

    def _recognize_sums(self, quantity: str) -> list[str]:
        """Find the column of refunded sums; return those that can have numbers of refunds instead."""
        search, returns = self._search, self._returns
        amount, unclear = search.fields.get("amount"), []

        def is_sum(name: str) -> bool:
            if returns.is_flag(name) or not search.cells.is_number(name):
                return False
            found = returns.is_sum(name, amount, quantity)
            if found is None and returns.can_be_pieces(name, quantity):
                self._ask_for_sums_or_pieces(name)
            elif found is None:
                unclear.append(name)
            return bool(found)

        search.take_first("refunded", is_sum)
        return unclear

    def _recognize_pieces(self, quantity: str) -> None:
        """Find the column of pieces that came back; of one that cannot be used, say why."""
        search = self._search
        for name in search.filled("returned_quantity"):
            if {name, "returned_quantity"} & {*search.taken, *search.fields} or not search.cells.is_number(name):
                continue
            pieces = self._returns.pieces(name, quantity) if quantity else None
            others = [describe(search.fields[each]) for each in _OTHER_SOURCES if each in search.fields]
            if pieces is not None and not pieces.returned:
                continue
            if others:
                evidence = f"refunds are in {', '.join(others)}"
            elif pieces is None:
                evidence = "it counts pieces, and no column says how many were sold"
            elif pieces.more_line is not None:
                evidence = f"more pieces came back than were sold, such as in line {pieces.more_line}"
            else:
                search.set("returned_quantity", Column(name))
                continue
            search.findings.assume("returns", f"without {name}", evidence, "--field returned_quantity=")
        self.recognize_quantity()

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
